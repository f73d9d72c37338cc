/** The figures, each taken of the worker and of the floor in turn, so that both see the same machine. */
import { type Agents, type Memory, Subject, type SubjectKind } from "./subject.ts";

export interface Scale {
  /** Of each figure that is taken of worker and floor in turn. */
  readonly rounds: number;
  /** The same of a figure of time: what else the machine does moves one round's by a tenth and more. */
  readonly timedRounds: number;
  readonly starts: number;
  readonly tasks: number;
  readonly burst: number;
  readonly held: number;
  readonly soak: number;
}

export interface Figure {
  readonly name: string;
  readonly unit: string;
  readonly worker: number;
  /** Null where the floor has nothing to compare with. */
  readonly floor: number | null;
  readonly target: string;
}

interface Pair {
  readonly worker: number;
  readonly floor: number;
}

export type Kinds = Record<SubjectKind["name"], SubjectKind>;

export class Bench {
  private readonly kinds: Kinds;
  private readonly agents: Agents;
  private readonly scale: Scale;

  constructor(kinds: Kinds, agents: Agents, scale: Scale) {
    this.kinds = kinds;
    this.agents = agents;
    this.scale = scale;
  }

  async startToConnected(): Promise<Figure> {
    const pair = await this.inTurn(this.scale.starts, this.agents.quick, async (subject) => {
      const ms = await subject.start();
      await subject.stop();
      return ms;
    });
    return { name: "start to connected", unit: "ms", ...pair, target: "at most 1.6 of the floor" };
  }

  async idleMemory(): Promise<Figure[]> {
    const read = (pick: (subject: Subject) => number) =>
      this.inTurn(this.scale.rounds, this.agents.quick, async (subject) => {
        await subject.start();
        await Bun.sleep(1_000); // idle is a state of time: what start-up left is collected by then
        const value = pick(subject);
        await subject.stop();
        return value;
      });
    const resident = await read((subject) => subject.memory().residentMb);
    const own = await read((subject) => subject.memory().privateMb);
    return [
      { name: "idle, resident", unit: "MB", ...resident, target: "at most 40 MB" },
      { name: "idle, private", unit: "MB", ...own, target: "at most 5.9 MB" },
    ];
  }

  async oneTask(): Promise<Figure> {
    const pair = await this.inTurn(this.scale.timedRounds, this.agents.quick, async (subject) => {
      await subject.start();
      const times: number[] = [];
      for (let i = 0; i < this.scale.tasks + WARM_UP; i++) {
        const startedAt = performance.now();
        await subject.plane.run([`one-${i}`], {}, "ended");
        if (i >= WARM_UP) times.push(performance.now() - startedAt);
      }
      await subject.stop();
      return median(times);
    });
    return { name: "one task", unit: "ms", ...pair, target: "at most 1.3 of the floor" };
  }

  async burst(): Promise<Figure> {
    const pair = await this.inTurn(this.scale.timedRounds, this.agents.quick, async (subject) => {
      await subject.start();
      await subject.plane.run(ids("warm", WARM_UP), {}, "ended");
      const startedAt = performance.now();
      await subject.plane.run(ids("burst", this.scale.burst), {}, "ended");
      const perSecond = (this.scale.burst / (performance.now() - startedAt)) * 1_000;
      await subject.stop();
      return perSecond;
    });
    return {
      name: `burst of ${this.scale.burst}`,
      unit: "tasks/s",
      ...pair,
      target: "at least 0.9 of the floor",
    };
  }

  async heldTasks(): Promise<Figure[]> {
    const tasks = ids("held", this.scale.held);
    let cancelMs = 0;
    const privateMb = { worker: 0, floor: 0 };
    const resident = await this.inTurn(1, this.agents.held, async (subject, kind) => {
      await subject.start();
      await subject.plane.run(tasks, {}, "claimed");
      await Bun.sleep(3_000); // all agents started, which comes after the claims, and the worker at rest
      const memory = subject.memory();
      privateMb[kind] = memory.privateMb;
      if (kind === "worker") {
        const startedAt = performance.now();
        await subject.plane.cancel(tasks);
        cancelMs = performance.now() - startedAt;
      }
      await subject.stop();
      return memory.residentMb;
    });
    return [
      {
        name: `${tasks.length} held, resident`,
        unit: "MB",
        ...resident,
        target: "at most 1.35 of the floor",
      },
      { name: `${tasks.length} held, private`, unit: "MB", ...privateMb, target: "" },
      {
        name: `cancel of ${tasks.length}`,
        unit: "ms",
        worker: cancelMs,
        floor: null,
        target: "80 to 160 ms",
      },
    ];
  }

  async loudTask(): Promise<Figure> {
    await using subject = new Subject(this.kinds.worker, this.agents.loud);
    await subject.start();
    await Bun.sleep(500); // see idleMemory
    const idle = subject.memory().residentMb;
    await subject.plane.run(["loud"], {}, "ended");
    const growth = subject.memory().residentMb - idle;
    return {
      name: "200 MB of output",
      unit: "MB over idle",
      worker: growth,
      floor: null,
      target: "at most 5 MB",
    };
  }

  /** Memory and descriptors may not grow with the number of tasks. */
  async soak(): Promise<Figure[]> {
    await using subject = new Subject(this.kinds.worker, this.agents.quick);
    await subject.start();
    const batch = 200;
    const warm = Math.min(2_000, this.scale.soak / 2);
    const samples: Memory[] = [];
    for (let done = 0; done < this.scale.soak; done += batch) {
      await subject.plane.run(ids(`soak-${done}`, batch), {}, "ended");
      samples.push(subject.memory());
    }
    // A heap that is collected now and then swings; its low points tell whether it grows.
    const window = warm / batch;
    // Not those of the first tasks themselves, in which the heap finds its size.
    const early = lowest(samples.slice(window, 2 * window));
    const late = lowest(samples.slice(-window));
    const name = `${this.scale.soak} tasks, after the first ${warm}`;
    const target = "no growth";
    return [
      { name, unit: "MB private", worker: late.privateMb - early.privateMb, floor: null, target },
      { name, unit: "descriptors", worker: late.descriptors - early.descriptors, floor: null, target },
    ];
  }

  private async inTurn(
    rounds: number,
    agent: string,
    measure: (subject: Subject, kind: SubjectKind["name"]) => Promise<number>,
  ): Promise<Pair> {
    const values: Record<SubjectKind["name"], number[]> = { worker: [], floor: [] };
    for (let round = 0; round < rounds; round++) {
      for (const kind of ["floor", "worker"] as const) {
        await using subject = new Subject(this.kinds[kind], agent);
        values[kind].push(await measure(subject, kind));
      }
    }
    return { worker: median(values.worker), floor: median(values.floor) };
  }
}

/** Just-in-time compilation and first touches of memory are not what is measured. */
const WARM_UP = 50;

function ids(prefix: string, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${prefix}-${index}`);
}

function lowest(samples: readonly Memory[]): Memory {
  return {
    residentMb: Math.min(...samples.map((sample) => sample.residentMb)),
    privateMb: Math.min(...samples.map((sample) => sample.privateMb)),
    descriptors: Math.min(...samples.map((sample) => sample.descriptors)),
  };
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
