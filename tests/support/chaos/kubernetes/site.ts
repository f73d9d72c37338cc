/** All that a campaign needs: a namespace of a real cluster, a way to it, a control plane, workers, and a record of events. */
import type { Assignment } from "../../../../src/dev/assignment-of.ts";
import { assignment } from "../../assignments.ts";
import { ClusterSite } from "../../live-cluster-site.ts";
import { eventually } from "../../wait.ts";
import { Fleet } from "../fleet.ts";
import type { Event, Happening, SaidType, WorkerNumber } from "../history.ts";
import { RecordingPlane } from "../recording-plane.ts";
import { ApiPath } from "./api-path.ts";
import type { ClusterHistory } from "./history.ts";
import { Interferer } from "./interferer.ts";
import { type ClusterPlaces, findLeavings, isClear } from "./leavings.ts";
import { PodLedger, variablesOf } from "./ledger.ts";
import type { ClusterPlan } from "./plan.ts";
import { Stalls } from "./stalls.ts";

const WORKER_ID = "chaos";
const GRACE_SECONDS = 2;
/** Leases are looked at every 10 s; a Job that is ended then has its grace period. */
const TAKEN_OVER_WITHIN_MS = 30_000;
/** What no fault of a campaign is an excuse for. */
const COMPLAINTS = /unexpected error|journal damaged|uncaught|panic|segmentation|cannot clean up/i;

export class ClusterChaosSite implements AsyncDisposable {
  readonly plan: ClusterPlan;
  readonly plane: RecordingPlane;
  readonly fleet: Fleet;
  readonly api: ApiPath;
  readonly interferer: Interferer;
  readonly stalls: Stalls;
  killAt: SaidType | null = null;
  readonly #holders = new Map<string, WorkerNumber>();
  readonly #claimed = new Set<string>();
  readonly #ended = new Set<string>();
  readonly #cancelled = new Set<string>();
  readonly #parts: Parts;
  readonly #held: AsyncDisposableStack;
  readonly #pending = new Set<Promise<unknown>>();

  private constructor(plan: ClusterPlan, held: AsyncDisposableStack, parts: Parts) {
    this.plan = plan;
    this.#held = held;
    this.#parts = parts;
    this.plane = parts.plane;
    this.api = parts.api;
    const note = (happening: Happening) => this.note(happening);
    parts.plane.listen(note);
    const { cluster, namespace } = parts.site;
    this.stalls = held.use(new Stalls(cluster, note));
    this.interferer = new Interferer({ cluster, namespace, note });
    const { stateDir, temporary, logs } = parts;
    this.fleet = held.use(
      new Fleet({
        ...{ note, config: this.#config(), stateDir, temporary, logs, complaints: COMPLAINTS },
        urlFor: (worker) => parts.plane.urlFor(worker),
        flags: ["--health-address", "127.0.0.1:0"],
      }),
    );
  }

  static async open(plan: ClusterPlan): Promise<ClusterChaosSite> {
    await using stack = new AsyncDisposableStack();
    const site = stack.use(await ClusterSite.create());
    const events: Event[] = [];
    const record = (happening: Happening) => void events.push({ ...happening, at: Date.now() });
    const api = stack.use(await ApiPath.open(site.cluster.server, record));
    await site.grant(WORKER_ID);
    const kubeconfig = await site.kubeconfigOf(WORKER_ID, api.server, "localhost");
    const plane = stack.use(await RecordingPlane.start());
    const ledger = await PodLedger.create(site.dir);
    const [temporary, logs] = [await site.dir.mkdir("tmp"), await site.dir.mkdir("logs")];
    const folders = { temporary, logs, stateDir: site.dir.join("state") };
    const parts = { ...folders, site, api, kubeconfig, plane, ledger, events };
    return new ClusterChaosSite(plan, stack.move(), parts);
  }

  note(happening: Happening): void {
    this.#parts.events.push({ ...happening, at: Date.now() });
    if (happening.kind === "assigned" && !this.#holders.has(happening.taskId))
      this.#holders.set(happening.taskId, happening.worker);
    if (happening.kind === "cancelled") this.#cancelled.add(happening.taskId);
    if (happening.kind !== "said") return;
    const { type, taskId, worker } = happening;
    if (type !== "task_rejected") this.#holders.set(taskId, worker);
    if (type === "task_claimed") this.#claimed.add(taskId);
    if (type === "task_completed" || type === "task_failed") this.#ended.add(taskId);
    if (type !== this.killAt) return;
    this.killAt = null;
    this.fleet.kill(worker);
  }

  /** Goes on while other things happen. */
  background(work: Promise<unknown>): void {
    const settled = work.catch(() => {}).finally(() => this.#pending.delete(settled));
    this.#pending.add(settled);
  }

  /** Until all that goes on in the background is done, and the cluster is reached again. */
  async heal(): Promise<void> {
    await Promise.all(this.#pending);
    await this.api.heal();
  }

  /** The worker that spoke last of it, or else was given it. */
  holderOf(task: number): WorkerNumber | undefined {
    return this.#holders.get(this.plan.tasks[task]?.taskId ?? "");
  }

  /** As far as the control plane knows: nobody gives it away any more. */
  isOver(task: number): boolean {
    const { taskId = "" } = this.plan.tasks[task] ?? {};
    return this.#ended.has(taskId) || this.#cancelled.has(taskId);
  }

  assignment(task: number, _execution: number): Assignment {
    const plan = this.plan.tasks[task];
    if (plan === undefined) throw new Error(`The plan has no task ${task}`);
    const { taskId } = plan;
    const [agent] = plan.executions;
    const { executionId, imageMissing } = agent;
    const more = imageMissing ? { docker_image: "oz-test/missing:1" } : {};
    return assignment({ taskId, executionId, env: variablesOf(agent), more });
  }

  /** Once all workers have exited. */
  async history(): Promise<ClusterHistory> {
    const { ledger, events } = this.#parts;
    const left = await findLeavings(this.#places());
    const { tasks, maxConcurrentTasks, deadlineSeconds } = this.plan;
    const workers = this.fleet.reports();
    return { tasks, maxConcurrentTasks, deadlineSeconds, events, ledger: ledger.lines(), workers, left };
  }

  /**
   * Once all workers have exited: says of each that anybody may take its Jobs over, as one does that stops in an orderly way.
   * Otherwise that would be so in 40 s, when its Lease has expired.
   */
  async releaseLeases(): Promise<void> {
    const { cluster, namespace } = this.#parts.site;
    const names = await cluster.kubectl("--namespace", namespace, "get", "leases", "-o", "name");
    const patch = JSON.stringify({ spec: { holderIdentity: "" } });
    for (const name of names.split("\n").filter(Boolean)) {
      await cluster.kubectl("--namespace", namespace, "patch", name, "--type", "merge", "--patch", patch);
    }
  }

  /** What dead workers had alone is. Or it is not, which the history tells. */
  async takenOver(): Promise<void> {
    const isTold = () => [...this.#claimed].every((taskId) => this.#ended.has(taskId));
    const options = { timeoutMs: TAKEN_OVER_WITHIN_MS, intervalMs: 500 };
    await eventually(
      async () => isTold() && (await isClear(this.#places())),
      "all ends to be told, and their Jobs to be seen off",
      options,
    ).catch(() => {});
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#held.disposeAsync();
  }

  #places(): ClusterPlaces {
    const { site, temporary, stateDir } = this.#parts;
    const { cluster, namespace, dir } = site;
    return { cluster, namespace, dir: dir.path, temporary, state: `${stateDir}/${WORKER_ID}` };
  }

  #config(): string {
    const { site, kubeconfig, ledger } = this.#parts;
    const { deadlineSeconds, maxConcurrentTasks } = this.plan;
    const limit = deadlineSeconds === null ? {} : { active_deadline_seconds: deadlineSeconds };
    return site.config({
      workerId: WORKER_ID,
      top: { max_concurrent_tasks: maxConcurrentTasks, log_level: "debug" },
      kubernetes: { kubeconfig, ...limit },
      task: { env: [{ name: "FAKE_AGENT", value: ledger.program }] },
      pod: { terminationGracePeriodSeconds: GRACE_SECONDS },
    });
  }
}

interface Parts {
  readonly site: ClusterSite;
  readonly api: ApiPath;
  readonly kubeconfig: string;
  readonly plane: RecordingPlane;
  readonly ledger: PodLedger;
  readonly events: Event[];
  readonly temporary: string;
  readonly logs: string;
  readonly stateDir: string;
}
