"""What needs several runs. So far: the plan of a reproduction."""
