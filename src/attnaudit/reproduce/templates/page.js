// Draw the charts of a place when it is opened. Without a script the numbers in the tables remain.
const store = JSON.parse(document.getElementById("charts").textContent);

function draw(place) {
  const chart = store.charts[Number(place.dataset.chart)];
  const spec = structuredClone(store.templates[chart.template]);
  const rows = chart.rows.map((row) => Object.fromEntries(row.map((value, i) => [chart.columns[i], value])));
  spec.datasets = { rows };
  // `ast`: expressions are interpreted, so that the page needs no `eval`.
  vegaEmbed(place, spec, { mode: "vega-lite", renderer: "svg", actions: false, ast: true }).then(
    () => { place.dataset.drawn = "yes"; },
    (error) => {
      place.dataset.drawn = "no";
      console.error(error);
    },
  );
}

for (const fold of document.querySelectorAll("details.figures")) {
  fold.addEventListener("toggle", () => {
    if (!fold.open) return;
    for (const place of fold.querySelectorAll(".chart-live:not([data-drawn])")) {
      place.dataset.drawn = "begun";
      draw(place);
    }
  });
}
