"""Things in outdoor places around the car: plants, buildings, street furniture."""
