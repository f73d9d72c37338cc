/**
 * Finds what is left of a task: every process of its group, and every one that carries its mark in the environment,
 * or was born with it, although it moved to a session of its own (`setsid`, a daemon, a terminal).
 */
import { never, pause } from "../async/wait.ts";
import { birthmarkOf, readBirthmark } from "./birthmark.ts";
import {
  identify,
  listProcesses,
  NO_GROUP,
  type ProcessEntry,
  type ProcessIdentity,
  readEnvironment,
} from "./process-table.ts";

/** NAME=VALUE of variables that together only this task's processes have; a NUL character between two. */
export type Mark = string;

/** No process has this one: its group alone is what is looked for. */
export const NO_MARK: Mark = "";

export interface Survey {
  /** Zombies left out: they run no more. */
  membersOf(groupId: number, mark: Mark): readonly ProcessEntry[];
}

/** What a task's processes are known by beside their group. */
interface Signs {
  readonly markNames: readonly string[];
  /** They were started with the birthmark, too. To ask each process for it makes a look half as long again. */
  readonly birthmarks: boolean;
}

/** Lets many tasks that end together (a shutdown, a mass cancellation) share one look at the table. */
const GATHER_MS = 3;

export class Surveyor {
  private readonly signs: Signs;
  private next: Promise<Survey> | null = null;

  /** `markNames`: the variables' names, in the order of a mark; their values tell the tasks apart. */
  constructor(markNames: readonly string[], { birthmarks = false } = {}) {
    this.signs = { markNames, birthmarks };
  }

  /** A look that is over when this returns: it holds up all else, for a millisecond or more. */
  look(): Survey {
    return surveyNow(this.signs);
  }

  /** A look that starts after this call, so whatever was there at the call and still lives is in it. */
  survey(): Promise<Survey> {
    this.next ??= this.surveySoon();
    return this.next;
  }

  /** The oldest with this mark that leads a group: a task's own process, whatever that has started since. */
  async findFirst(mark: Mark): Promise<ProcessIdentity | null> {
    const marked = (await this.survey()).membersOf(NO_GROUP, mark);
    const leaders = marked.filter(({ pid, groupId }) => pid === groupId);
    const [first] = leaders.toSorted((one, other) => Number(one.startedAt) - Number(other.startedAt));
    return first === undefined ? null : identify(first.pid);
  }

  private async surveySoon(): Promise<Survey> {
    await pause(GATHER_MS, never());
    this.next = null;
    return surveyNow(this.signs);
  }
}

function surveyNow({ markNames, birthmarks }: Signs): Survey {
  const byGroup = new Map<number, ProcessEntry[]>();
  const byMark = new Map<Mark, ProcessEntry[]>();
  const byBirthmark = new Map<number, ProcessEntry[]>();
  for (const entry of listProcesses()) {
    if (entry.zombie || entry.pid === process.pid) continue;
    append(byGroup, entry.groupId, entry);
    const mark = readMark(entry.pid, markNames);
    if (mark !== null) append(byMark, mark, entry);
    const birthmark = birthmarks ? readBirthmark(entry.pid) : null;
    if (birthmark !== null) append(byBirthmark, birthmark, entry);
  }
  return {
    membersOf: (groupId, mark) => [
      ...new Set([
        ...(byGroup.get(groupId) ?? []),
        ...(byMark.get(mark) ?? []),
        ...(byBirthmark.get(birthmarkOf(mark)) ?? []),
      ]),
    ],
  };
}

function append<K>(map: Map<K, ProcessEntry[]>, key: K, entry: ProcessEntry): void {
  const entries = map.get(key);
  if (entries === undefined) map.set(key, [entry]);
  else entries.push(entry);
}

function readMark(pid: number, markNames: readonly string[]): Mark | null {
  // Of no names every process would have NO_MARK, and would be ended with whatever is looked for by its group alone.
  if (markNames.length === 0) return null;
  const environment = readEnvironment(pid);
  if (environment === null) return null;
  const variables: string[] = [];
  for (const name of markNames) {
    const variable = readVariable(environment, `${name}=`);
    if (variable === null) return null;
    variables.push(variable);
  }
  return variables.join("\0");
}

function readVariable(environment: Buffer, prefix: string): string | null {
  let start = environment.indexOf(prefix);
  while (start > 0 && environment[start - 1] !== 0) start = environment.indexOf(prefix, start + 1);
  if (start < 0) return null;
  const end = environment.indexOf(0, start);
  return environment.toString("utf8", start, end < 0 ? undefined : end);
}
