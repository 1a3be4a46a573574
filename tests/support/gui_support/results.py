"""Results for all panels of a window: fast ones are computed, slow ones are synthetic."""

from gui_support.validation import report
from spikelet.metrics.fault_results import Point, Robustness
from spikelet.metrics.robustness import all_faults
from spikelet_converters.planning.front import choose, compared_costs, pareto
from spikelet_converters.planning.plan import Plan
from spikelet_converters.planning.settings import Budget, Setting
from spikelet_converters.planning.settings import Point as Measured
from spikelet_gui.models.analysis.planning import Planned
from spikelet_gui.models.session.sources.inputs import from_data
from spikelet_gui.views.shell.app import settle

IMAGES = 4


def fill(window):
    """Fill all panels with computed and synthetic results."""
    inspector = window.inspector
    images = inspector.data.take(slice(0, IMAGES))
    inspector.show(from_data(images))
    inspector.run_sweep(images)
    settle(window)
    window.content.panels["residuals"].run()
    window.content.panels["compare"].prepare()
    settle(window)
    document, digest = inspector.document, images.digest
    inspector.results.set_robustness(robustness(document.bundle, images, inspector.cursor.steps), digest)
    inspector.results.set_planned(planned(document, images), digest)
    inspector.results.set_report(report(document.bundle, inspector.cursor.steps))


def robustness(bundle, images, steps):
    """Return a synthetic result in which the accuracy falls with the level of each fault."""

    def point(fault):
        shares = [max(0.0, 0.919 - fault.level - 0.01 * t) for t in range(steps)]
        ends = [max(0.0, s - 0.08) for s in shares], [min(1.0, s + 0.08) for s in shares]
        return Point(fault, shares, *ends, [shares])

    points = [point(fault) for fault in all_faults()]
    name, count = bundle.manifest.name, len(images)
    return Robustness(
        name, bundle.digest, images.name, images.digest, count, steps, (0,), "accuracy", points[0], points
    )


def planned(document, images):
    """Return a synthetic plan of one, two, four and eight copies with early exit."""
    bundle, points = document.bundle, []
    for copies in (1, 2, 4, 8):
        for steps in range(1, 8 // copies + 1):
            for margin in (None, 0.956, 2.125):
                accuracy = 0.93 - 0.12 / (copies * steps) - (0.01 if margin else 0)
                cost = steps if margin is None else 0.7 * steps
                setting = Setting(copies, steps, margin)
                points.append(
                    Measured(
                        setting,
                        accuracy,
                        accuracy - 0.05,
                        accuracy + 0.04,
                        cost,
                        115_200 * copies,
                        cost * 8.36e6,
                        cost,
                        cost,
                    )
                )
    costs, name = compared_costs(Budget()), bundle.manifest.name
    plan = Plan(
        bundle=name,
        digest=bundle.digest,
        data=images.name,
        data_digest=images.digest,
        images=len(images),
        engine="native",
        start="half",
        budget=Budget(),
        tolerance=0.0,
        profile="45 nm CMOS, 0.9 V, integers",
        costs=costs,
        points=tuple(points),
        front=pareto(points, costs),
        chosen=choose(points, Budget()),
        refusals={8: "the threshold of layer if1 has less than 8 levels"},
    )
    return Planned(bundle, document.path, plan)
