/**
 * Where the documentation lets an execution be run anew, by a worker beside those that know of it: then it may have a second
 * end, and other words for it.
 */
import type { Assigned, OnLink } from "../history.ts";
import type { At, Conversation, Hearing } from "./conversation.ts";

type Story = Conversation & {
  readonly plan: { readonly executions: readonly { readonly executionId: string | null }[] };
};

export function isBegunAnew(story: Story, telling: Hearing): boolean {
  return story.plan.executions.some(
    ({ executionId }) => executionId !== null && isBegunAnewAs(story, executionId, telling),
  );
}

export function isBegunAnewAs(story: Story, executionId: string, telling: Hearing): boolean {
  const given = story.assigned.filter((assigned) => assigned.executionId === executionId);
  return (
    given.some((delivery) => {
      const later = takenUp(delivery, story, telling);
      const before = given.filter((each) => each !== delivery && each.index < later.index);
      return wasReadBefore(later, before, story, telling) || wasKilledBefore(later, before, telling);
    }) || wasLeftToAnother(given, story, telling)
  );
}

/**
 * When the worker read it counts, which may have been frozen since it was sent, or its link: as its claim tells, or not after
 * its end.
 */
export function takenUp(
  delivery: At<Assigned>,
  { claims }: Pick<Conversation, "claims">,
  telling: Hearing,
): At<OnLink> {
  const { worker, index } = delivery;
  const claim = claims.find((each) => each.worker === worker && each.index > index);
  if (claim !== undefined) return claim;
  const end = telling.ends.find((each) => each.worker === worker);
  return end === undefined ? delivery : { ...delivery, index: end.index, at: end.at };
}

/**
 * Docs/direct.md, "Workspaces": a second worker rejects it "for as long as the first has it and until its end was read". A
 * control plane that has read it and gives it to another worker all the same means it. Not if that one told of the end
 * itself, or has come alone after all others and so knows of it.
 */
function wasReadBefore(
  { worker, index }: At<OnLink>,
  before: readonly At<Assigned>[],
  { ends }: Story,
  telling: Hearing,
): boolean {
  const read = ends.filter((end) => end.index < index && before.some((earlier) => earlier.index < end.index));
  const told = (earlier: At<Assigned>) =>
    read.some((end) => end.worker === worker && end.worker === earlier.worker && end.index > earlier.index);
  if (read.length === 0 || before.some(told)) return false;
  return telling.workers.some((other) => other.worker !== worker && isBeside(other.worker, worker, telling));
}

/**
 * The same place: "The task of a worker that was killed may run anew in another one, unless its agent still runs in the
 * workspace." Or unless one that lives has taken it over by then.
 */
function wasKilledBefore(later: At<OnLink>, before: readonly At<Assigned>[], telling: Hearing): boolean {
  const [first] = before;
  return first !== undefined && isOrphaned(first, later, telling);
}

/**
 * Between the two a worker was gone that had the task, or had taken it over from one that had: one that has lived beside
 * the second, which so did not take it over. And nobody who came after that lives, and could say that he has it. Killed or
 * not: a second signal ends a worker at once, and one that finds nobody to report to leaves that to the next start.
 */
function isOrphaned(first: At<Assigned>, later: At<OnLink>, telling: Hearing): boolean {
  const { events } = telling;
  return telling.ends.some((end) => {
    if (end.index < first.index || end.index > later.index) return false;
    if (!isBeside(later.worker, end.worker, telling)) return false;
    const since = events.slice(lastWord(end.worker, telling), later.index);
    const heirs = since.flatMap((event) => (event.kind === "started" ? [event.worker] : []));
    const gone = since.flatMap((event) => (event.kind === "exited" ? [event.worker] : []));
    const spoke = (heir: number) => since.some((event) => event.kind === "said" && event.worker === heir);
    // The first that is still there has all of it, but for what it had no time to claim before it was frozen.
    const holder = heirs.find((heir) => !gone.includes(heir));
    if (holder === undefined || holder === later.worker) return true;
    const isFrozen = telling.signals("SIGSTOP", holder).some(({ index }) => index < later.index);
    return isFrozen || !spoke(holder);
  });
}

/** Where it was told to end: from there on whoever starts may be its successor. */
function lastWord(worker: number, { events }: Hearing): number {
  return events.findIndex(
    (event) => event.kind === "signalled" && event.worker === worker && /KILL|TERM/.test(event.signal),
  );
}

/**
 * Docs/protocol.md, "Redelivery": one that "was left to another worker on this host", which was given another execution of the
 * task when the first was dead, is run when it is delivered again.
 */
function wasLeftToAnother(given: readonly At<Assigned>[], story: Story, telling: Hearing): boolean {
  const [first] = given;
  const others = story.assigned.filter((each) => !given.includes(each));
  return (
    first !== undefined && others.some((other) => isOrphaned(first, takenUp(other, story, telling), telling))
  );
}

/** They have lived at the same time: of what one did the other knows only what a claim tells. */
export function isBeside(one: number, other: number, { events }: Hearing): boolean {
  const lifeOf = (worker: number) => {
    const find = (kind: "started" | "exited") =>
      events.findIndex((event) => event.kind === kind && event.worker === worker);
    const exit = find("exited");
    return { start: find("started"), exit: exit < 0 ? Number.POSITIVE_INFINITY : exit };
  };
  const [first, second] = [lifeOf(one), lifeOf(other)];
  return one !== other && first.start < second.exit && second.start < first.exit;
}
