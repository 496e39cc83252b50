"""Cars: what a car.yaml says, and how a source model becomes a compact GLB file."""
