/** Rules of the wire: what is said, in which order, and how often. Docs/protocol.md, "Order", "Proof of delivery", "Redelivery". */
import type { Said } from "../history.ts";
import type { At, Conversation, Hearing, Violation } from "./conversation.ts";

/** With what ran of each task. */
type Story = Conversation & { readonly runs: readonly unknown[] };

/**
 * `isBegunAnew`: the documentation lets it be run by a second worker, and so end a second time, in other words. `isHandedOff`:
 * somebody else runs it and tells of its end.
 */
export function checkOrder<S extends Story>(
  telling: Hearing & { readonly stories: readonly S[] },
  isBegunAnew: (story: S) => boolean,
  isHandedOff: (story: S) => boolean = () => false,
): Violation[] {
  return telling.stories.flatMap((story) => [
    ...unknownTypes(story, telling),
    ...claimedFirst(story),
    ...(isBegunAnew(story) ? [] : oneEnd(story, telling)),
    ...(isHandedOff(story) ? [] : everyClaimEnds(story, telling)),
    ...nothingAfterRejection(story),
    ...copies(story, telling),
    ...repeatedThoughProven(story, telling),
    ...unanswered(story, telling),
  ]);
}

const TYPES: ReadonlySet<string> = new Set([
  "task_claimed",
  "task_completed",
  "task_failed",
  "task_rejected",
]);

function unknownTypes({ taskId }: Story, { events }: Hearing): Violation[] {
  return events
    .filter((event) => event.kind === "said" && event.taskId === taskId && !TYPES.has(event.type))
    .map((event) => ({ rule: "type", taskId, what: JSON.stringify(event) }));
}

function claimedFirst({ taskId, claims, ends }: Story): Violation[] {
  const [end] = ends;
  if (end === undefined || (claims[0] !== undefined && claims[0].index < end.index)) return [];
  return [{ rule: "claimed-first", taskId, what: `no claim was read before ${show(end)}` }];
}

/** Of one execution. Told again is told in the same words. */
function oneEnd(story: Story, telling: Hearing): Violation[] {
  const { taskId, ends, isPlain } = story;
  if (!isPlain || telling.forgot(story)) return [];
  const words = [...new Set(ends.map((end) => end.words))];
  return words.length <= 1 ? [] : [{ rule: "one-end", taskId, what: words.join(" and ") }];
}

function everyClaimEnds(story: Story, telling: Hearing): Violation[] {
  const { taskId, claims, ends } = story;
  if (claims.length === 0 || ends.length > 0 || telling.forgot(story)) return [];
  return [{ rule: "every-claim-ends", taskId, what: "it was claimed, and no end of it was read" }];
}

/** Where it was given to a worker once only: whoever turned it down has not claimed it. */
function nothingAfterRejection({ taskId, assigned, claims, ends, rejections, runs }: Story): Violation[] {
  if (assigned.length !== 1 || rejections.length === 0) return [];
  if (claims.length + ends.length + runs.length === 0) return [];
  return [
    {
      rule: "rejected",
      taskId,
      what: "its only delivery was rejected, and yet it was claimed, ended or run",
    },
  ];
}

/**
 * Each connection brings what is owed once, and one answer more for each delivery. But for what two dead workers' journals
 * hold, because one was killed while it took the other's over: docs/protocol.md has it that "a message arrives at least once".
 */
function copies({ taskId, isPlain, assigned, claims, ends }: Story, telling: Hearing): Violation[] {
  if (!isPlain || telling.ends.some(({ worker, at }) => at - startOf(worker, telling) < TAKE_OVER_MS))
    return [];
  return [claims, ends].flatMap((said) =>
    [...Map.groupBy(said, ({ connection }) => connection)]
      .filter(([, each]) => each.length > assigned.length)
      .map(([connection, each]) => ({
        rule: "copies",
        taskId,
        what: `${each.length} times on connection ${connection}, for ${assigned.length} deliveries: ${each[0]?.words}`,
      })),
  );
}

/** From a start to the moment from which all that dead workers left is in one journal, on a busy machine. */
const TAKE_OVER_MS = 1_000;

function startOf(worker: number, { events }: Hearing): number {
  return events.find((event) => event.kind === "started" && event.worker === worker)?.at ?? 0;
}

/**
 * Two pings that ask for proof came after it on its connection: the second is sent only when the first was answered, so
 * the worker knows that it was read. Told again by the same worker it can only be for another delivery.
 */
function repeatedThoughProven(story: Story, telling: Hearing): Violation[] {
  const { taskId, assigned, claims, ends } = story;
  if (assigned.length !== 1) return [];
  return [claims, ends].flatMap((said) =>
    said.flatMap((frame, at) =>
      said
        .slice(at + 1)
        .filter(({ worker, connection }) => worker === frame.worker && connection > frame.connection)
        .filter(() => telling.pingsAfter(frame.index, frame.connection) >= 2)
        .map((again) => ({
          rule: "proven",
          taskId,
          what: `${show(frame)} was proven, and told again: ${show(again)}`,
        })),
    ),
  );
}

/** What was certainly read is answered after that, each time, by whoever comes after the one that read it if need be. */
function unanswered(story: Story, telling: Hearing): Violation[] {
  const { taskId, assigned, claims, ends, rejections } = story;
  if (telling.forgot(story)) return [];
  const answers = [...claims, ...ends, ...rejections];
  return assigned
    .filter(({ index, connection }) => telling.passedFenceAfter(index, connection) !== null)
    .filter(({ index }) => !answers.some((answer) => answer.index > index))
    .slice(0, 1)
    .map(({ worker }) => ({
      rule: "answered",
      taskId,
      what: `worker ${worker} read an assignment of it, and nobody answered`,
    }));
}

export function show({ connection, worker, words }: At<Said>): string {
  return `${words} (worker ${worker}, connection ${connection})`;
}
