"""Run studies: grids of networks, methods and seeds that are trained, converted and tested by one protocol.

Finished runs are not repeated, so a stopped study continues. Results are written to the study's folder (summary.md,
summary.csv, plots), with one folder per run; the test split is read once per run.

--publish also writes them beside the study file, and --page writes a page of all published results.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from spikelet.cli.arguments import existing, positive
from spikelet.cli.command import command_line, stored_command
from spikelet.cli.output_files import check_output_file
from spikelet.cli.printing import emit
from spikelet.display import number_of
from spikelet.errors import MissingDependency, UsageError
from spikelet.files.decoded import Document
from spikelet.report.columns import table
from spikelet_converters.cli.train_arguments import add_compile

if TYPE_CHECKING:
    from spikelet_converters.study.grid import Study

HELP = "run a grid of trainings and compare them"
EXAMPLE = "spikelet study docs/studies/vgg9-cifar10.toml --data cifar/ --out runs/vgg9-cifar10"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("study", type=existing, nargs="+", metavar="FILE.toml", help="study file; several for --page")
    parser.add_argument(
        "--data", type=existing, metavar="DIR", help="folder of the images, if not the one in the study file"
    )
    parser.add_argument(
        "-o", "--out", "--output", type=Path, metavar="DIR", help="output folder of the study (default runs/NAME)"
    )
    starts = "start with these networks instead of training [start]: runs/vgg9-s{seed}/best.pt"
    parser.add_argument("--start", metavar="CHECKPOINT", help=starts)
    parser.add_argument("--plan", action="store_true", help="list the runs without running them")
    parser.add_argument("--only", metavar="PATTERN", help="only runs whose names match, such as '*-s1' (quoted)")
    parser.add_argument("--publish", action="store_true", help="write the results beside the study file")
    parser.add_argument("--page", type=Path, metavar="FILE.md", help="only write a page of published results")
    parser.add_argument("--others", type=existing, metavar="FILE.toml", help="results published by others, for --page")
    parser.add_argument("--device", default="auto", metavar="NAME", help="torch device (default: a GPU if available)")
    add_compile(parser)
    parser.add_argument(
        "--dask",
        nargs="?",
        const="local",
        metavar="tcp://…",
        help="run on a Dask cluster; without an address, on a local one",
    )
    parser.add_argument(
        "--workers", type=positive, default=2, metavar="N", help="number of workers of the local cluster (default 2)"
    )


def run(args: argparse.Namespace) -> int:
    """Run the command."""
    if args.others is not None and args.page is None:
        raise UsageError("--others: expected together with --page")
    try:
        from spikelet_converters.study import read_study
        from spikelet_converters.study.page import write_page
    except ModuleNotFoundError as error:
        raise MissingDependency(str(error.name), "study") from None
    data = args.data
    if data is None and (args.page or args.plan):
        data = Path()  # not read
    studies = [read_study(path, data, args.start) for path in args.study]
    if args.page is not None:
        check_output_file(args.page)
        write_page(studies, args.page, stored_command(args), args.others)
        emit(args, {"page": str(args.page)}, f"wrote {args.page}")
        return 0
    if args.out is not None and len(studies) > 1:
        raise UsageError("--out: expected one study; leave it out for several")
    if args.plan:
        emit(args, {"studies": [_plan(study) for study in studies]}, "\n\n".join(map(_plan_text, studies)))
        return 0
    failed: dict[str, str] = {}
    results = []
    for study in studies:
        folder = args.out if args.out is not None else Path("runs") / study.path.stem
        try:
            failed |= _run(args, study if args.only is None else study.only(args.only), folder)
        except KeyboardInterrupt:
            raise KeyboardInterrupt(f"interrupted; continue with: {command_line(args)}") from None
        results.append(_finish(args, study, folder))
    facts = {"studies": [{key: value for key, value in result.items() if key != "text"} for result in results]}
    emit(args, {**facts, "failed": failed}, "\n".join(result["text"] for result in results))
    return 1 if failed else 0


def _run(args: argparse.Namespace, study: Study, folder: Path) -> dict[str, str]:
    from spikelet_converters.cli.study_view import StudyView
    from spikelet_converters.study.pool import run_here, run_on_dask
    from spikelet_converters.training.execution import Execution

    folder.mkdir(parents=True, exist_ok=True)
    execution = Execution(stored_command(args), args.device, compiled=args.compile)
    with StudyView(study, quiet=args.json) as view:
        if args.dask is not None:
            return run_on_dask(study, folder, execution, view, args.dask, args.workers)
        return run_here(study, folder, replace(execution, on_compiler_failure=view.compiler_failed), view)


def _finish(args: argparse.Namespace, study: Study, folder: Path) -> Document:
    """Write summary, CSV and plots of the finished runs."""
    from spikelet.files.atomic import write_files
    from spikelet_converters.study.plots import plots
    from spikelet_converters.study.protocol import read_ledger
    from spikelet_converters.study.results import publish
    from spikelet_converters.study.summary import read_metrics, summarise
    from spikelet_converters.study.summary_text import to_csv, to_markdown

    metrics = read_metrics(study, folder)
    rows = summarise(study, metrics)
    figures = plots(study, rows)
    files = {"summary.csv": to_csv(rows), "summary.md": to_markdown(study, rows)}
    files |= {f"{name}.svg": svg for name, svg in figures.items()}
    write_files(folder, files)
    text = f"{to_markdown(study, rows)}\n{folder}: {len(metrics)} results, {', '.join(files)}"
    if args.publish:
        text += f"\nwrote {publish(study, metrics, read_ledger(folder))}"
    return {"study": str(study.path), "folder": str(folder), "files": list(files), "results": metrics, "text": text}


def _plan(study: Study) -> Document:
    return {"title": study.title, "time_steps": study.time_steps, "runs": [run.as_dict() for run in study.runs]}


def _plan_text(study: Study) -> str:
    rows = []
    for run in study.runs:
        action = (
            number_of(run.options["epochs"], "epoch") if run.trains else run.baseline or run.checkpoint or "unchanged"
        )
        rows.append([run.name, str(action), run.begins or ""])
    return f"{study.title}: {number_of(len(study.runs), 'run')}\n{table(['run', 'action', 'starts with'], rows)}"
