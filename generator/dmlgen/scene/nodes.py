"""Helpers for building shader node trees."""

from __future__ import annotations

from typing import TypeAlias

from bpy.types import Light, Material, Node, NodeSocket, World

Input: TypeAlias = NodeSocket | float | tuple[float, ...]
"""What an input of a node takes: the output of another node, or a value."""


class Tree:
    """A node tree under construction: `add` makes a node, `link` joins sockets."""

    def __init__(self, owner: Light | Material | World) -> None:
        owner.use_nodes = True
        self.tree = owner.node_tree
        self.tree.nodes.clear()

    def add(self, kind: str, settings: dict[str, object] | None = None, **inputs: Input) -> Node:
        """Add a node of type `kind`; `inputs` are values or sockets, `_` stands for a space."""
        node = self.tree.nodes.new(kind)
        for name, value in (settings or {}).items():
            setattr(node, name, value)
        for name, value in inputs.items():
            self.set(node.inputs[name.replace("_", " ")], value)
        return node

    def set(self, socket: NodeSocket, value: Input) -> None:
        """Link `value` to the input socket if it is an output socket, otherwise store it."""
        if hasattr(value, "is_output"):
            self.tree.links.new(value, socket)
        else:
            socket.default_value = value

    def math(self, operation: str, *operands: Input, clamp: bool = False) -> NodeSocket:
        """Return the output of a new math node."""
        node = self.add("ShaderNodeMath", {"operation": operation, "use_clamp": clamp})
        for socket, operand in zip(node.inputs, operands, strict=False):
            self.set(socket, operand)
        return node.outputs[0]

    def scaled(self, vector: NodeSocket, factor: Input) -> NodeSocket:
        """Return `vector` times a number."""
        node = self.add("ShaderNodeVectorMath", {"operation": "SCALE"})
        self.set(node.inputs[0], vector)
        self.set(node.inputs["Scale"], factor)
        return node.outputs[0]

    def smoothstep(self, value: Input, low: Input, high: Input) -> NodeSocket:
        """Return 0 below `low`, 1 above `high`, and a smooth step between."""
        node = self.add(
            "ShaderNodeMapRange",
            {"interpolation_type": "SMOOTHSTEP"},
            Value=value,
            From_Min=low,
            From_Max=high,
        )
        return node.outputs["Result"]

    def mix_color(self, factor: Input, a: Input, b: Input, blend: str = "MIX") -> NodeSocket:
        """Return `a` where factor is 0 and `b` where it is 1."""
        node = self.add("ShaderNodeMix", {"data_type": "RGBA", "blend_type": blend})
        self.set(node.inputs[0], factor)
        self.set(node.inputs[6], a)
        self.set(node.inputs[7], b)
        return node.outputs[2]

    def end_with_distance(
        self,
        surface: NodeSocket,
        position: NodeSocket,
        radius: tuple[float, float],
    ) -> None:
        """Use `surface` as the material's, fading out with distance from the origin.

        It is opaque within the first radius, in meters, and transparent beyond the second, where
        rays go on into the world.
        """
        distance = self.add("ShaderNodeVectorMath", {"operation": "LENGTH"})
        self.set(distance.inputs[0], position)
        far = self.smoothstep(distance.outputs["Value"], *radius)
        through = self.add("ShaderNodeBsdfTransparent").outputs[0]
        self.end(self.mix_shader(far, surface, through))

    def end(self, surface: NodeSocket) -> None:
        """Use `surface` as the material's."""
        output = self.add("ShaderNodeOutputMaterial")
        self.set(output.inputs["Surface"], surface)

    def mix_shader(self, factor: Input, a: NodeSocket, b: NodeSocket) -> NodeSocket:
        """Return shader `a` where factor is 0 and `b` where it is 1."""
        node = self.add("ShaderNodeMixShader")
        self.set(node.inputs[0], factor)
        self.set(node.inputs[1], a)
        self.set(node.inputs[2], b)
        return node.outputs[0]
