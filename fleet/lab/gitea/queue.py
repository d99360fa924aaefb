"""The life of runs and jobs: made by a push or a dispatch, taken by a runner, ended, cancelled, given up."""

from datetime import datetime, timedelta

from fleet.lab.gitea import git
from fleet.lab.gitea.state import NEVER, Job, Owner, Repo, Run, Runner, State, Status, Task, scope_of, within
from fleet.lab.gitea.workflow import JobSpec, Workflow

ZOMBIE_AFTER = timedelta(minutes=10)  # ZOMBIE_TASK_TIMEOUT


def commit(repo: Repo, path: str, content: bytes, title: str, *, by: Owner, at: datetime) -> str:
    """Writes a file to main; answers the commit's id."""
    files = {**repo.files, path: content}
    repo.head, objects = git.commit(files, title, by.name, at)
    repo.files, repo.title = files, title
    repo.commits[repo.head] = objects
    return repo.head


def start_run(state: State, repo: Repo, file: str, workflow: Workflow, *, event: str, by: Owner) -> Run:
    """A run with all its jobs; those that need others are blocked."""
    index = state.next_id(f"run of {repo.id}")
    run = Run(state.next_id("run"), index, repo, file, repo.title, event, repo.head, by)
    state.runs[run.id] = run
    for spec in workflow.jobs:
        _add_job(state, run, spec)
    _settle(state, run)
    state.bump(scope_of(repo))
    return run


def _add_job(state: State, run: Run, spec: JobSpec) -> None:
    now = state.now()
    number = state.next_id("job")
    state.jobs[number] = Job(
        id=number,
        run=run,
        key=spec.key,
        name=spec.name,
        runs_on=spec.runs_on,
        needs=spec.needs,
        conditional=spec.conditional,
        payload=spec.payload,
        status=Status.BLOCKED if spec.needs else Status.WAITING,
        created=now,
        updated=now,
    )


def pick(state: State, runner: Runner) -> Task | None:
    """The longest waiting job that this runner may take: its labels hold all of the job's."""
    fitting = (
        job
        for job in state.jobs.values()
        if job.status is Status.WAITING
        and job.task is None
        and within(runner.scope, job.run.repo)
        and set(job.runs_on) <= set(runner.labels)
    )
    job = min(fitting, key=lambda job: (job.updated, job.id), default=None)
    return _take(state, runner, job) if job else None


def _take(state: State, runner: Runner, job: Job) -> Task:
    now = state.now()
    task = Task(state.next_id("task"), job, runner.id, started=now, updated=now)
    state.tasks[task.id] = task
    job.task, job.attempt, job.started = task, job.attempt + 1, now
    _change(state, job, Status.RUNNING)
    _settle(state, job.run)
    return task


def finish(state: State, task: Task, status: Status, stopped: datetime | None = None) -> None:
    """Ends a task and its job for good, and lets those go on that needed it. A final state is sticky."""
    if task.status.done:
        return
    task.status = status
    task.job.stopped = stopped or state.now()
    _change(state, task.job, status)
    _release(state, task.job.run)
    _settle(state, task.job.run)
    runner = state.runners.get(task.runner_id)
    if runner and runner.ephemeral:
        del state.runners[runner.id]


def cancel(state: State, run: Run) -> None:
    """Cancels what is not done; a runner learns of it when it reports next."""
    # Those without a task first: the end of one job would make those that need it skipped.
    for job in sorted(state.jobs_of(run), key=lambda job: job.task is not None):
        if job.task:
            finish(state, job.task, Status.CANCELLED)
        elif not job.status.done:
            job.stopped = state.now()
            _change(state, job, Status.CANCELLED)
    _settle(state, run)


def fail_zombies(state: State) -> None:
    """Gives up tasks of which nothing was heard for ten minutes."""
    for task in list(state.tasks.values()):
        if not task.status.done and state.clock() - task.updated > ZOMBIE_AFTER:
            finish(state, task, Status.FAILURE)


def _release(state: State, run: Run) -> None:
    """Blocked jobs whose needs have ended: they wait now, or are skipped; that may free others."""
    jobs = state.jobs_of(run)
    for job in jobs:
        needed = [other for other in jobs if other.key in job.needs]
        if job.status is not Status.BLOCKED or not all(other.status.done for other in needed):
            continue
        # A job with an `if` is sent anyway: its runner works the condition out.
        runs = job.conditional or all(other.status is Status.SUCCESS for other in needed)
        _change(state, job, Status.WAITING if runs else Status.SKIPPED)
        if runs:
            state.bump(scope_of(run.repo))
        else:
            _release(state, run)


def _change(state: State, job: Job, status: Status) -> None:
    job.status, job.updated = status, state.now()


def _settle(state: State, run: Run) -> None:
    """The run's status, from its jobs (AggregateJobStatus), and its times."""
    run.status = aggregate([job.status for job in state.jobs_of(run)])
    if run.started == NEVER and run.status is Status.RUNNING:
        run.started = state.now()
    if run.stopped == NEVER and run.status.done:
        run.stopped = state.now()


def aggregate(statuses: list[Status]) -> Status:
    """One word for many, in Gitea's order."""
    seen = set(statuses)
    if seen == {Status.SKIPPED}:
        return Status.SKIPPED
    if seen <= {Status.SUCCESS, Status.SKIPPED}:
        return Status.SUCCESS
    order = (Status.CANCELLED, Status.RUNNING, Status.WAITING, Status.FAILURE)
    return next((status for status in order if status in seen), Status.BLOCKED)
