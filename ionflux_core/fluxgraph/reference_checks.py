"""Checks of what conditions and templates say and read: they compile, every name is there, and may be there by then."""

from __future__ import annotations

from ionflux_core.domain.suggestions import did_you_mean
from ionflux_core.errors import Invalid
from ionflux_core.fluxgraph import conditions, templates
from ionflux_core.fluxgraph.document import Flow, ForeachNode
from ionflux_core.fluxgraph.graphs import Graph, Source, Spot, sources, spots_of
from ionflux_core.fluxgraph.graphs import templates as templates_of
from ionflux_core.fluxgraph.ordering import holders, reads_of, target_of
from ionflux_core.fluxgraph.reading import Reading
from ionflux_core.fluxgraph.references import LOCAL_ROOTS, NODE, ROOTS, Read, spelled
from ionflux_core.fluxgraph.surroundings import Offer


class References:
    """One look over all texts of a flow."""

    def __init__(self, reading: Reading, flow: Flow, graphs: list[Graph], offers: dict[Spot, Offer]) -> None:
        self.reading, self.flow, self.graphs, self.offers = reading, flow, graphs, offers
        self.everywhere = {spot.id: spot for spot in reversed(list(spots_of(graphs)))}

    def check(self) -> None:
        """Report every text that cannot be read, and every name in it that is not there."""
        for spot in spots_of(self.graphs):
            if self.reading.full:
                return
            for source in sources(spot):
                self._check_text(source)
                for read in reads_of(source):
                    self._check_read(source, read, spot.graph, spot)
            self._check_names(spot)
        for source in templates_of(self.flow.output, ("output",)):
            self._check_text(source)
            for read in reads_of(source):
                self._check_read(source, read, self.graphs[0], None)

    def _check_text(self, source: Source) -> None:
        try:
            if source.kind == "condition":
                condition = conditions.compiled(source.text)
                if condition.fixed and source.path[-1] in ("if", "when"):
                    conditions.decide(source.text, {})
            elif templates.is_template(source.text):
                templates.parsed(source.text)
        except Invalid as error:
            self.reading.report(source.path, error.message, error.hint)

    def _check_names(self, spot: Spot) -> None:
        """A loop's variable and a node's id must not hide what the same name means around it."""
        node = spot.node
        if isinstance(node, ForeachNode):
            known = {*ROOTS, *LOCAL_ROOTS} | set(spot.graph.visible_roots())
            if node.as_ in known:
                message = f"The loop's variable {node.as_!r} hides what {node.as_!r} means already."
                self.reading.report((*spot.path, "as"), message, "Give it another name: as: line.")
            if isinstance(node.foreach, str) and not templates.is_template(node.foreach):
                self.reading.report((*spot.path, "foreach"), "A loop needs a list.", 'Write "{{ path }}" or a list.')
        for graph in list(spot.graph.chain())[1:]:
            if graph.named(spot.id) is not None:
                message = f"The id {spot.id!r} hides the node of the same id around it."
                self.reading.report((*spot.path, "id"), message, "Give one of the two another id.")

    def _check_read(self, source: Source, read: Read, graph: Graph, spot: Spot | None) -> None:
        root = str(read.path[0])
        local = graph.visible_roots() | ({"value": None} if source.reads_value else {})
        if root == "nodes":
            self._check_node(source, read, graph, spot)
        elif root in local or root in ROOTS:
            self._check_inside(source, read, local.get(root) if root in local else ROOTS[root])
        else:
            self.reading.report(source.path, f"There is no {root!r} here.", self._root_hint(root, graph, local))

    def _root_hint(self, root: str, graph: Graph, local: dict[str, frozenset[str] | None]) -> str:
        if any(each.named(root) for each in graph.chain()):
            return f"Did you mean nodes.{root}.outputs?"
        place = {"loop": "inside a foreach", "error": "inside on_error", "value": "in the cases of a switch"}.get(root)
        return f"{root} is known {place} only." if place else did_you_mean(root, {*ROOTS, *local})

    def _check_inside(self, source: Source, read: Read, keys: frozenset[str] | None) -> None:
        path = read.path
        if keys is not None and len(path) > 1 and path[1] not in keys:
            message = f"{path[0]} has no {str(path[1])[:60]!r}."
            self.reading.report(source.path, message, did_you_mean(str(path[1]), keys))
            return
        known = self.flow.input_schema.get("properties")
        closed = self.flow.input_schema.get("additionalProperties") is False
        if (
            closed
            and isinstance(known, dict)
            and path[:2] == ("trigger", "input_data")
            and len(path) > 2
            and path[2] not in known
        ):
            message = f"The input_schema has no {str(path[2])[:60]!r}."
            self.reading.report(source.path, message, did_you_mean(str(path[2]), known))

    def _check_node(self, source: Source, read: Read, graph: Graph, spot: Spot | None) -> None:
        if len(read.path) < 2:
            return
        name = str(read.path[1])
        target = target_of(graph, read)
        if target is None:
            self.reading.report(source.path, *self._no_such_node(name, graph))
        elif spot is not None and target in holders(spot):
            self.reading.report(source.path, *self._around(target, spot))
        elif len(read.path) > 2 and read.path[2] not in NODE:
            message = f"A node has outputs and a status, not {str(read.path[2])[:60]!r}."
            self.reading.report(source.path, message, f"Write {spelled(('nodes', name, 'outputs', *read.path[2:]))}.")
        else:
            self._check_output(source, read, target)

    def _check_output(self, source: Source, read: Read, target: Spot) -> None:
        offer = self.offers.get(target)
        known = offer.outputs if offer else None
        if known is None or len(read.path) < 4 or read.path[2] != "outputs" or read.optional:
            return
        # After an error its outputs are those of the nodes that took over.
        known |= {spot.id for graph in target.inner if graph.label == "on_error" for spot in graph.spots}
        if read.path[3] not in known:
            message = f"Node {target.id!r} has no output {str(read.path[3])[:60]!r}."
            self.reading.report(source.path, message, did_you_mean(str(read.path[3]), known))

    def _no_such_node(self, name: str, graph: Graph) -> tuple[str, str]:
        hidden = self.everywhere.get(name)
        if hidden is not None and hidden.graph.owner is not None:
            owner = hidden.graph.owner
            message = f"Node {name!r} cannot have run by then: it is in {hidden.graph.label} of {owner.id!r}."
            return message, f"Read {spelled(('nodes', owner.id, 'outputs'))}, or move the node."
        near = {spot.id for each in graph.chain() for spot in each.spots}
        return f"There is no node {name[:60]!r}.", did_you_mean(name, near) if near else "Add it to the graph."

    @staticmethod
    def _around(target: Spot, spot: Spot) -> tuple[str, str]:
        if target is spot:
            return f"Node {spot.id!r} reads itself.", "Read a node before it."
        hint = "Read error.message." if spot.graph.label == "on_error" else "Read the nodes beside it."
        return f"Node {target.id!r} cannot have run by then: {spot.id!r} is inside it.", hint
