"""One look at the rewards of the RL runs as a Prefect flow: an artifact that is kept current, and events on changes.

flows/verdicts.py has the look itself and needs no Prefect.
"""

from __future__ import annotations

from prefect import flow, get_run_logger
from prefect.artifacts import create_markdown_artifact
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactCollectionFilter, ArtifactCollectionFilterKey
from prefect.events import emit_event
from prefect.events.worker import EventsWorker

from flows import verdicts

ARTIFACT = "deceptive-rewards"
EVENT = "counterpoint.verdict.changed"


@flow(name="watch", persist_result=False)
def watch() -> str:
    """Look at every RL run once; returns the table, which the artifact shows."""
    before = verdicts.remembered()
    after = verdicts.look(before)
    text = verdicts.table(after)
    if text != shown():
        create_markdown_artifact(text, key=ARTIFACT, description="Whether the rewards of the RL runs tell the truth")
    for change in verdicts.changes(before, after):
        new = change.new
        get_run_logger().info("%s: %s -> %s at step %d", new.run, change.old, new.verdict, new.step)
        emit_event(
            EVENT,
            resource={"prefect.resource.id": f"counterpoint.run.{new.run}", "prefect.resource.name": new.run},
            payload={
                "old": change.old, "new": new.verdict, "step": new.step, "mechanism": new.mechanism,
                "reason": new.reason,
            },
        )  # fmt: skip
    EventsWorker.instance().wait_until_empty()  # a change is forgotten only once it is on its way
    verdicts.remember(after)
    return text


def shown() -> str | None:
    """What the artifact shows now."""
    with get_client(sync_client=True) as client:
        only = ArtifactCollectionFilter(key=ArtifactCollectionFilterKey(any_=[ARTIFACT]))
        artifacts = client.read_latest_artifacts(artifact_filter=only)
        return artifacts[0].data if artifacts else None
