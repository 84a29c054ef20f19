"""Which route a call takes, and what endpoints' failures mean for the calls that follow."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from clock import Clock
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from langchain_claude_cloud import Bedrock, Vertex
from langchain_claude_cloud.calls.memory import (
    LONGEST_OPEN_SECONDS,
    OPEN_SECONDS,
    CircuitBreaker,
    Memory,
    _circuits_change,
)
from langchain_claude_cloud.calls.pacing import Ticket
from langchain_claude_cloud.calls.retries import Attempts, decide
from langchain_claude_cloud.errors import (
    AuthenticationError,
    ClaudeCloudError,
    ConfigurationError,
    ConnectionFailedError,
    ContextOverflowError,
    InvalidInputError,
    InvalidRequestError,
    LocalLimitError,
    NotFoundError,
    OverloadedError,
    PermissionDeniedError,
    RateLimitError,
    RequestTimeoutError,
    RequestTooLargeError,
    ServerError,
    StreamInterruptedError,
)
from langchain_claude_cloud.routing.routes import Route, make_routes

A, B, C = "us-east-1", "us-west-2", "eu-west-1"


@dataclass
class World:
    """A process: its clock and what it knows of its endpoints."""

    clock: Clock = field(default_factory=Clock)
    draw: float = 0.0

    def __post_init__(self) -> None:
        """Make what it knows: nothing yet."""
        self.memory = Memory()
        self.memory.reset(self.clock, lambda: self.draw)

    def plan(self, *regions: str, max_retries: int = 0, **settings: Any) -> Plan:
        """Plan a call that may go to these regions."""
        return Plan(routes_in(*regions), max_retries, memory=self.memory, **settings)

    def remaining(self, route: Route) -> float:
        """Return for how long no call should go to a route."""
        return self.memory.circuit(route.place).remaining()


class Plan(Attempts):
    """The attempts of a call, driven by hand."""

    def failed(self, error: ClaudeCloudError) -> float:
        """Let an attempt fail, and return how long to wait for the next one."""
        return decide(error, self)


def routes_in(*regions: str) -> Sequence[Route]:
    """Return routes to regions of Bedrock."""
    return make_routes([Bedrock(region=region) for region in regions], "claude-sonnet-4-6")


def region_of(plan: Plan) -> str | None:
    """Return where the next attempt goes."""
    return plan.route.known_region


def throttled(asked: float | None = None) -> RateLimitError:
    """Return a throttle."""
    return RateLimitError("slow down", status_code=429, retry_after=asked)


def failing(plan: Plan, *errors: ClaudeCloudError) -> list[str | None]:
    """Let attempts fail, and return where they went, and where the next one goes."""
    went = [region_of(plan)]
    for error in errors:
        plan.failed(error)
        went.append(region_of(plan))
    return went


@pytest.fixture
def world() -> World:
    """A process that has seen nothing."""
    return World()


SWITCHING = [
    throttled(),
    OverloadedError("", status_code=529),
    ServerError("", status_code=503),
    ServerError("", status_code=424),
    ConnectionFailedError(""),
    StreamInterruptedError(""),
    AuthenticationError("", status_code=401),
    PermissionDeniedError("", status_code=403),
    NotFoundError("", status_code=404),
    RequestTimeoutError("", status_code=408),
    RequestTimeoutError("of a stream"),
    InvalidRequestError("a redirect", status_code=307),
]


@pytest.mark.parametrize("error", SWITCHING, ids=lambda error: f"{type(error).__name__}")
def test_what_another_route_may_answer_goes_there_at_once(
    world: World, error: ClaudeCloudError
) -> None:
    """No wait, and the route that failed cools down for others, too."""
    plan = world.plan(A, B)
    assert plan.failed(error) == 0.0
    assert region_of(plan) == B
    assert region_of(world.plan(A, B)) == B


def billed() -> RequestTimeoutError:
    """Return a read timeout of a call that is not streamed."""
    error = RequestTimeoutError("no answer")
    error.is_retryable = False
    return error


@pytest.mark.parametrize(
    "error",
    [
        billed(),
        InvalidRequestError("", status_code=400),
        RequestTooLargeError("", status_code=413),
        ContextOverflowError("", status_code=413),
    ],
    ids=lambda error: f"{type(error).__name__}",
)
def test_what_is_wrong_everywhere_is_raised_and_blames_no_route(
    world: World, error: ClaudeCloudError
) -> None:
    """A request that may still be billed is not sent again, a bad one neither."""
    with pytest.raises(type(error)) as caught:
        world.plan(A, B, max_retries=5).failed(error)
    assert caught.value is error
    assert region_of(world.plan(A, B)) == A


def test_each_route_is_tried_before_any_is_tried_again(world: World) -> None:
    """After that, the route that may be asked soonest comes first."""
    plan = world.plan(A, B, C, max_retries=1)
    assert plan.failed(throttled(20)) == 0.0
    assert plan.failed(throttled(7)) == 0.0
    assert plan.failed(throttled(3)) == 3.0
    assert region_of(plan) == C
    world.clock.now += 3
    assert plan.failed(throttled(3)) == 4.0
    assert region_of(plan) == B


def test_a_route_that_cannot_pass_is_not_tried_again(world: World) -> None:
    """A missing permission stays missing; the throttled route is what is waited for."""
    plan = world.plan(A, B, max_retries=2)
    plan.failed(throttled(2))
    assert plan.failed(PermissionDeniedError("no", status_code=403)) == 2.0
    assert region_of(plan) == A
    world.clock.now += 2
    assert plan.failed(throttled(2)) == 2.0
    assert region_of(plan) == A


def test_a_single_route_is_retried_and_never_cools_down(world: World) -> None:
    """There is nowhere else to go, and `retry-after` is waited for within the call."""
    plan = world.plan(A, max_retries=2)
    assert [plan.failed(throttled(4)), plan.failed(throttled(5))] == [4.0, 5.0]
    with pytest.raises(RateLimitError):
        plan.failed(throttled(6))
    assert world.plan(A).route is not None
    assert world.remaining(world.plan(A).route) == 0.0


def test_all_that_failed_is_chained_to_the_error(world: World) -> None:
    """The last one is raised, the others are its causes, and a note lists them."""
    errors = [throttled(), ServerError("two", status_code=500), OverloadedError("three")]
    plan = world.plan(A, B, C)
    plan.failed(errors[0])
    plan.failed(errors[1])
    with pytest.raises(OverloadedError) as caught:
        plan.failed(errors[2])
    assert caught.value is errors[2]
    assert caught.value.__cause__ is errors[1]
    assert errors[1].__cause__ is errors[0]
    (note,) = caught.value.__notes__
    assert note.index("slow down") < note.index("two")


def test_an_error_that_may_pass_is_raised_rather_than_one_that_stays(world: World) -> None:
    """Whoever retries the whole call goes by `is_retryable`: the throttled route may pass."""
    plan = world.plan(A, B)
    passing, lasting = throttled(), PermissionDeniedError("no role", status_code=403)
    plan.failed(passing)
    with pytest.raises(RateLimitError) as caught:
        plan.failed(lasting)
    assert caught.value is passing
    assert caught.value.__cause__ is lasting
    assert "no role" in caught.value.__notes__[0]


def test_the_text_of_an_error_names_the_other_routes_that_failed(world: World) -> None:
    """In short, each once; a log often has the text alone. Retries of its own route are no news."""
    plan = world.plan(A, B, max_retries=1)
    plan.failed(throttled())
    plan.failed(PermissionDeniedError("no role", status_code=403))
    with pytest.raises(RateLimitError) as caught:
        plan.failed(throttled())
    assert str(caught.value).endswith(
        f"Also failed: bedrock in {B}: PermissionDeniedError, HTTP 403."
    )
    alone = world.plan(A, max_retries=1)
    alone.failed(throttled())
    with pytest.raises(RateLimitError) as caught:
        alone.failed(throttled())
    assert "Also failed" not in str(caught.value)


def test_a_route_without_a_region_is_named_by_its_cloud(world: World) -> None:
    """It is often the region that is missing."""
    routes = make_routes([Bedrock(), Bedrock(region=A)], "claude-sonnet-4-6")
    plan = Plan(routes, 0, memory=world.memory)
    plan.failed(ConfigurationError("no region"))
    with pytest.raises(ServerError) as caught:
        plan.failed(ServerError("two", status_code=500))
    assert str(caught.value).endswith("Also failed: bedrock: ConfigurationError.")


def test_one_exception_that_ended_several_attempts_is_no_loop(world: World) -> None:
    """Tasks that wait for the same token get the same exception."""
    shared = ConnectionFailedError("no token")
    other = ServerError("two", status_code=500)
    plan = world.plan(A, B, max_retries=1)
    plan.failed(shared)
    plan.failed(other)
    plan.failed(shared)
    with pytest.raises(ServerError):
        plan.failed(other)
    chain = [shared.__cause__, other.__cause__]
    assert chain == [None, shared]
    assert len(other.__notes__) == 1


@pytest.mark.parametrize("regions", [(A, B), (B, A)])
def test_calls_that_share_their_exceptions_make_no_loop_of_them(regions: tuple[str, str]) -> None:
    """Each of the tasks that wait for two tokens gets the same two exceptions."""
    errors = {A: AuthenticationError("no token"), B: AuthenticationError("no role")}
    for order in (A, B), regions, regions, (A, B):
        plan = World().plan(*order)
        plan.failed(errors[order[0]])
        with pytest.raises(AuthenticationError):
            plan.failed(errors[order[1]])
    assert errors[B].__cause__ is errors[A]
    assert errors[A].__cause__ is None


def test_a_library_s_cause_is_kept_and_the_chain_goes_on_after_it(world: World) -> None:
    """The reason of a refused token is not lost, nor is what came before."""
    reason = OSError("invalid_grant")
    refused = AuthenticationError("no token")
    refused.__cause__ = reason
    earlier = NotFoundError("not here", status_code=404)
    plan = world.plan(A, B)
    plan.failed(earlier)
    with pytest.raises(AuthenticationError):
        plan.failed(refused)
    assert refused.__cause__ is reason
    assert reason.__cause__ is earlier


def test_a_wait_that_the_call_has_no_time_for_ends_it(world: World) -> None:
    """The error itself is raised at once, and says why it was not sent again."""
    plan = world.plan(A, max_retries=3, remaining=lambda: 2.5)
    assert plan.failed(throttled(2)) == 2.0
    with pytest.raises(RateLimitError) as caught:
        plan.failed(throttled(3))
    assert "2.5 s" in caught.value.__notes__[0]
    assert "'total'" in caught.value.__notes__[0]


def test_no_other_route_is_tried_when_the_time_is_up(world: World) -> None:
    """Neither at once nor later."""
    plan = world.plan(A, B, max_retries=3, remaining=lambda: -0.1)
    with pytest.raises(OverloadedError):
        plan.failed(OverloadedError("", status_code=529))


def test_what_ends_a_call_for_another_reason_is_chained_too(world: World) -> None:
    """And blames no route."""
    plan = world.plan(A, B)
    first = throttled()
    plan.failed(first)
    with pytest.raises(RequestTimeoutError) as caught:
        decide(ended := RequestTimeoutError("time is up"), plan, is_of_call=True)
    assert caught.value is ended
    assert ended.__cause__ is first
    assert region_of(world.plan(B, A)) == B


def test_a_stream_that_the_cloud_broke_counts_against_its_route(world: World) -> None:
    """An overload in mid-answer does, a cut connection does not."""
    for error, region in ((StreamInterruptedError("cut"), A), (OverloadedError(""), B)):
        plan = world.plan(A, B)
        with pytest.raises(type(error)) as caught:
            decide(error, plan, has_content=True)
        assert caught.value is error
        assert region_of(world.plan(A, B)) == region


def test_a_route_cools_down_for_as_long_as_it_said(world: World) -> None:
    """Not sooner than asked, and a little later for some processes than for others."""
    world.plan(A, B).failed(throttled(10))
    world.clock.now += 9.9
    assert region_of(world.plan(A, B)) == B
    world.clock.now += 0.1
    assert region_of(world.plan(A, B)) == A
    late = World(draw=0.999)
    late.plan(A, B).failed(throttled(10))
    late.clock.now += 11.9
    assert region_of(late.plan(A, B)) == B
    late.clock.now += 0.1
    assert region_of(late.plan(A, B)) == A


def test_only_one_call_tries_whether_a_route_is_back(world: World) -> None:
    """A thousand that returned at once would bring it down again."""
    world.plan(A, B).failed(throttled(10))
    world.clock.now += 10
    first, *others = [world.plan(A, B) for _ in range(50)]
    assert region_of(first) == A
    assert {region_of(plan) for plan in others} == {B}
    first.succeeded()
    assert {region_of(world.plan(A, B)) for _ in range(50)} == {A}


def test_threads_agree_on_who_tries(world: World) -> None:
    """The first of many threads is the only one."""
    world.plan(A, B).failed(throttled(10))
    world.clock.now += 10
    went: list[str | None] = []
    barrier = threading.Barrier(20)

    def work() -> None:
        barrier.wait()
        went.append(region_of(world.plan(A, B)))

    threads = [threading.Thread(target=work) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(went) == [A] + [B] * 19  # type: ignore[type-var]


def _end(plan: Plan) -> None:
    """End a call for a reason of its own."""
    with pytest.raises(RequestTimeoutError):
        decide(RequestTimeoutError(""), plan, is_of_call=True)


def _skip(plan: Plan) -> None:
    """Find out that the route cannot take the request."""
    plan.failed(InvalidInputError("no web search here"))


def _queue(plan: Plan) -> None:
    """Move on from the queue of a throttled endpoint."""
    plan.memory.pacing(plan.route.place).throttled(Ticket(), 5.0)
    assert plan.move_on(1.0)


@pytest.mark.parametrize("end", [Plan.end_probes, _end, _skip, _queue])
def test_the_next_call_tries_where_the_first_has_no_verdict(
    world: World, end: Callable[[Plan], object]
) -> None:
    """A stream that began to answer, or a call that ended or went elsewhere: a cancelled one."""
    world.plan(A, B).failed(throttled(10))
    world.clock.now += 10
    first = world.plan(A, B)
    end(first)
    assert region_of(world.plan(A, B)) == A


def test_a_call_gives_back_no_other_call_s_trial(world: World) -> None:
    """One that was under way when the route failed ends, and the trial goes on."""
    early = world.plan(A, B)
    world.plan(A, B).failed(throttled(10))
    world.clock.now += 10
    trying = world.plan(A, B)
    early.end_probes()
    assert region_of(world.plan(A, B)) == B
    trying.end_probes()
    assert region_of(world.plan(A, B)) == A


def test_a_call_that_never_ends_does_not_keep_others_from_trying(world: World) -> None:
    """After half a minute another call tries."""
    world.plan(A, B).failed(throttled(10))
    world.clock.now += 10
    assert region_of(world.plan(A, B)) == A
    world.clock.now += 29
    assert region_of(world.plan(A, B)) == B
    world.clock.now += 2
    assert region_of(world.plan(A, B)) == A


def test_failures_in_a_row_lengthen_the_cool_down_to_a_limit(world: World) -> None:
    """Half a minute, doubled each time, five minutes at most."""
    lengths = []
    for _ in range(7):
        plan = world.plan(A, B)
        assert region_of(plan) == A
        plan.failed(ServerError("", status_code=500))
        lengths.append(world.remaining(plan.routes[0]))
        world.clock.now += lengths[-1]
    assert (
        lengths == [OPEN_SECONDS * factor for factor in (1, 2, 4, 8)] + [LONGEST_OPEN_SECONDS] * 3
    )
    world.plan(A, B).succeeded()
    world.plan(A, B).failed(ServerError("", status_code=500))
    assert world.remaining(routes_in(A)[0]) == OPEN_SECONDS


def test_calls_under_way_do_not_lengthen_it(world: World) -> None:
    """Fifty calls that meet one outage are one failure."""
    plans = [world.plan(A, B) for _ in range(50)]
    for plan in plans:
        plan.failed(ServerError("", status_code=500))
    assert world.remaining(plans[0].routes[0]) == OPEN_SECONDS
    world.clock.now += OPEN_SECONDS
    world.plan(A, B).failed(ServerError("", status_code=500))
    assert world.remaining(plans[0].routes[0]) == 2 * OPEN_SECONDS


def test_a_call_that_was_sent_before_the_failure_proves_nothing(world: World) -> None:
    """Its success is older news than the throttle; one sent after it counts."""
    earlier, failed = world.plan(A, B), world.plan(A, B)
    world.clock.now += 1
    failed.failed(throttled(10))
    earlier.succeeded()
    assert region_of(world.plan(A, B)) == B
    world.plan(B, A).failed(throttled(30))
    last_resort = world.plan(A, B)
    assert region_of(last_resort) == A
    last_resort.succeeded()
    assert region_of(world.plan(A, B)) == A


def test_when_all_cool_down_the_soonest_is_asked(world: World) -> None:
    """A call is never refused without having been sent."""
    world.plan(A, B).failed(throttled(20))
    world.plan(B, A).failed(throttled(10))
    assert region_of(world.plan(A, B)) == B


def test_a_call_that_waits_moves_on_when_its_route_fails(world: World) -> None:
    """Hundreds may wait in a throttled endpoint's queue, beside a healthy one."""
    waiting, single = world.plan(A, B), world.plan(A)
    assert not waiting.move_on(0.5), "A is healthy"
    world.plan(A, B).failed(throttled(10))
    assert not single.move_on(0.5)
    assert waiting.move_on(0.5)
    assert region_of(waiting) == B
    assert not waiting.move_on(0.5)


def test_a_call_moves_on_from_a_throttled_endpoint_with_a_long_queue(world: World) -> None:
    """It may be other calls' that throttled it; between two long queues nobody goes to and fro."""
    plan = world.plan(A, B)
    assert not plan.move_on(1.0), "a burst that nobody throttled is spread over seconds"
    for region in (A, B):
        world.memory.pacing(routes_in(region)[0].place).throttled(Ticket(), 5.0)
    assert not plan.move_on(0.5)
    assert plan.move_on(1.0)
    assert region_of(plan) == B
    for _ in range(3):
        assert not plan.move_on(1.0)
    world.plan(B, C).failed(throttled(10))
    assert plan.move_on(1.0), "the queue that moves is better than a route that failed"
    assert region_of(plan) == A


def test_a_call_that_waits_for_its_retry_or_is_the_probe_stays(world: World) -> None:
    """The one was sent to all routes before, the other is to find out whether its route is back."""
    tried = world.plan(A, B, max_retries=1)
    tried.failed(throttled(10))
    tried.failed(ServerError("", status_code=503))
    assert not tried.move_on(0.5)
    world.clock.now += OPEN_SECONDS
    probe = world.plan(A, B)
    assert not probe.move_on(0.5)
    assert region_of(probe) == A
    assert region_of(world.plan(A, B)) == B


def test_the_order_stays_the_user_s_among_healthy_routes(world: World) -> None:
    """The second one does not become the favourite for having helped out."""
    world.plan(A, B, C).failed(throttled(10))
    plan = world.plan(A, B, C)
    assert region_of(plan) == B
    plan.succeeded()
    world.clock.now += 10
    plan = world.plan(A, B, C)
    plan.succeeded()
    assert region_of(plan) == A


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Vertex(project="one-project"), Vertex(project="another-project")),
        (
            Vertex(request_type="dedicated", region="us-east5"),
            Vertex(request_type="shared", region="us-east5"),
        ),
        (Vertex(access_token="one"), Vertex(access_token="two")),
        (Bedrock(profile="one"), Bedrock(profile="two")),
        (
            Bedrock(role_arn="arn:aws:iam::111111111111:role/a"),
            Bedrock(role_arn="arn:aws:iam::222222222222:role/a"),
        ),
        (Bedrock(api_key="one"), Bedrock(api_key="two")),
        (Bedrock(inference_profile="us"), Bedrock(inference_profile="global")),
        (Bedrock(project="one"), Bedrock(project="two")),
        (Bedrock(service_tier="reserved"), Bedrock(service_tier="default")),
        (Bedrock(base_url="https://a.example"), Bedrock(base_url="https://b.example")),
    ],
    ids=str,
)
def test_what_has_a_quota_of_its_own_cools_down_for_itself(
    world: World, monkeypatch: pytest.MonkeyPatch, one: Any, other: Any
) -> None:
    """Two projects or accounts in one region stand in for each other."""
    monkeypatch.setenv("AWS_REGION", A)

    def plan() -> Plan:
        routes = make_routes([one, other], "claude-sonnet-4-6")
        return Plan(routes, 0, memory=world.memory)

    plan().failed(throttled(10))
    following = plan()
    assert following.route.config is other


def test_a_route_named_twice_is_two_candidates(world: World) -> None:
    """What the second is told of the request says nothing of the routes before it."""
    plan = world.plan(A, B, A, max_retries=1)
    refused = AuthenticationError("no", status_code=401)
    invalid = InvalidRequestError("no", status_code=400)
    errors = (refused, ServerError("no", status_code=503), invalid)
    assert failing(plan, *errors) == [A, B, A, B]


def test_instances_with_the_same_settings_share_what_is_known() -> None:
    """A web server makes a model for each request; a key is known by its hash alone."""
    one, two = (make_routes([Bedrock(region=A, api_key="sesame")], "claude-x")[0] for _ in "12")
    assert one.place == two.place
    assert "sesame" not in repr(one.place)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(st.integers(0, 5), st.sampled_from(["fail", "ok", "wait"])), max_size=60))
def test_whatever_happens_a_call_finds_a_route(steps: list[tuple[int, str]]) -> None:
    """And at most one of the calls that begin at the same time goes to a route on trial."""
    world = World()
    for number, what in steps:
        plan = world.plan(A, B, C)
        if what == "wait":
            world.clock.now += number * 10
        elif what == "ok":
            plan.succeeded()
        else:
            plan.failed(throttled(number or None))
    assert region_of(world.plan(A, B, C)) in (A, B, C)


def test_what_is_known_of_endpoints_is_bounded() -> None:
    """A service with thousands of projects does not grow without end."""
    memory = Memory()
    for number in range(3000):
        memory.circuit(number).record_failure(10.0)
    assert len(memory.circuits) <= 1000
    assert memory.circuit(2999).remaining() > 0


def test_a_cloud_that_asks_for_a_year_is_asked_again_after_an_hour() -> None:
    """A broken header does not switch a route off for good."""
    circuit = CircuitBreaker(Clock(), lambda: 0.0)
    circuit.record_failure(3e7)
    assert circuit.remaining() == 3600.0


def test_a_trial_can_be_given_back_while_the_thread_looks_something_up() -> None:
    """The garbage collector closes an abandoned stream anywhere, also there."""
    clock, call = Clock(), object()
    circuit = CircuitBreaker(clock, lambda: 0.0)
    circuit.record_failure(10.0)
    clock.now += 10
    assert circuit.admit(call)

    def work() -> None:
        with _circuits_change:
            circuit.end_probe(call)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(5)
    assert not thread.is_alive()
    assert circuit.admit(object())


OUTCOMES = {
    "ok": None,
    "429": lambda: throttled(0.0),
    "503": lambda: ServerError("", status_code=503),
    "reset": lambda: ConnectionFailedError(""),
    "403": lambda: PermissionDeniedError("", status_code=403),
    "404": lambda: NotFoundError("", status_code=404),
    "cannot": lambda: InvalidInputError("no web search here"),
    "no region": lambda: ConfigurationError("no region"),
    "too large": lambda: RequestTooLargeError("24 MB"),
    "400": lambda: InvalidRequestError("", status_code=400),
}


def answers(plan: Plan, outcomes: dict[str, list[str]]) -> bool:
    """Let a call go on until it ends; return whether it is answered."""
    left = {region: iter(each) for region, each in outcomes.items()}
    while True:
        make = OUTCOMES[next(left[region_of(plan) or ""], "503")]
        if make is None:
            plan.succeeded()
            return True
        try:
            plan.failed(make())
        except ClaudeCloudError:
            return False


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    outcomes=st.fixed_dictionaries(
        {
            region: st.lists(st.sampled_from(sorted(OUTCOMES)), min_size=3, max_size=3)
            for region in (A, B, C)
        }
    ),
    max_retries=st.integers(0, 2),
    cooling=st.sets(st.sampled_from([A, B, C])),
)
def test_a_list_answers_whenever_a_member_alone_would_have(
    outcomes: dict[str, list[str]], max_retries: int, cooling: set[str]
) -> None:
    """Within the same attempts, whatever happens before, and whatever earlier calls met.

    But for members that come after one whose cloud calls the request invalid: it is not sent
    on to them.
    """
    world = World()
    for route in routes_in(*cooling):
        world.memory.circuit(route.place).record_failure(10.0)
    able = []
    for region in (A, B, C):
        alone = Plan(routes_in(region), max_retries, memory=World().memory)
        if answers(alone, {region: outcomes[region]}):
            able.append(region)
        if "400" in outcomes[region]:
            break
    found = answers(world.plan(A, B, C, max_retries=max_retries), outcomes)
    assert found or not able


@pytest.mark.parametrize("kind", [ConnectionFailedError, LocalLimitError])
def test_a_limit_of_this_machine_blames_no_route(
    world: World, kind: type[ClaudeCloudError]
) -> None:
    """The same route is asked again after a while, and no other for it."""
    full = kind("not reached")
    if kind is ConnectionFailedError:
        full.__cause__ = OSError(24, "Too many open files")
    plan = world.plan(A, B, max_retries=1)
    plan.failed(full)
    assert region_of(plan) == A
    assert region_of(world.plan(A, B)) == A
