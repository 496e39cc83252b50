"""Import of cars: how a source model becomes a car.yaml and a compact GLB file."""
