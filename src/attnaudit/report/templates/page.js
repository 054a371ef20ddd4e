// Replace each still picture by the chart it was made from. Where that fails the picture stays.
for (const box of document.querySelectorAll(".chart")) {
  const still = box.firstElementChild;
  const place = document.createElement("div");
  place.className = "chart-live chart-waiting";
  box.append(place);
  const spec = JSON.parse(document.getElementById(box.dataset.spec).textContent);
  // `ast`: expressions are interpreted, so that the page needs no `eval`.
  vegaEmbed(place, spec, { mode: "vega-lite", renderer: "svg", actions: false, ast: true }).then(
    () => {
      still.remove();
      place.classList.remove("chart-waiting");
      box.dataset.drawn = "yes";
    },
    (error) => {
      place.remove();
      box.dataset.drawn = "no";
      console.error(error);
    },
  );
}
