"""How the car stands and from where it is seen."""

from __future__ import annotations

from dmlgen.factors.declaration import FactorDeclaration

FACTORS = (
    FactorDeclaration(
        key="car_rotation",
        group="pose",
        kind="cyclic",
        unit="degrees",
        period=360.0,
        meaning="yaw of the car, counter-clockwise from above; 0 faces the camera",
        values=(0.0, 30.0, 60.0, 90.0, 120.0, 150.0, 180.0, 210.0, 240.0, 270.0, 300.0, 330.0),
        range=(0.0, 360.0),
        default=40.0,
    ),
    FactorDeclaration(
        key="camera_height",
        group="pose",
        kind="linear",
        unit="meters",
        meaning="camera above ground",
        values=(0.6, 1.1, 1.6, 2.2, 3.0),
        range=(0.1, 20.0),
        default=1.6,
    ),
    FactorDeclaration(
        key="camera_distance",
        group="pose",
        kind="linear",
        unit="meters",
        meaning="horizontal distance from camera to car",
        values=(7.0, 8.5, 10.0),
        range=(3.5, 50.0),
        default=7.0,
    ),
    FactorDeclaration(
        key="camera_azimuth",
        group="pose",
        kind="linear",
        unit="degrees",
        meaning="where the camera stands, counter-clockwise around the car; the scene stays",
        values=(-30.0, -15.0, 0.0, 15.0, 30.0),
        range=(-180.0, 180.0),
        default=0.0,
    ),
)
