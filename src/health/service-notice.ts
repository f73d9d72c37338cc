/**
 * What the service manager is told, so that `systemctl status` says how the worker is. Source: sd_notify(3),
 * sd_watchdog_enabled(3).
 */
import type { Logger } from "../logging/logger.ts";
import { type Datagrams, openDatagrams } from "../runtime/datagrams.ts";
import { unixAddress } from "../runtime/unix-address.ts";
import { describeWorker } from "./description.ts";
import type { HealthSources } from "./status.ts";

export interface ServiceNoticeOptions {
  readonly environment: Readonly<Record<string, string>>;
  readonly sources: HealthSources;
  readonly log: Logger;
}

const LOOK_MS = 1_000;
/** Twice in the time after which the manager takes the worker for stuck. */
const SIGNS_OF_LIFE = 2;

/** Null: nobody wants to hear. */
export function openServiceNotice(options: ServiceNoticeOptions): Disposable | null {
  const { environment, log } = options;
  const name = environment["NOTIFY_SOCKET"];
  if (name === undefined || process.platform !== "linux") return null;
  const address = unixAddress(name);
  const datagrams = address === null ? null : openDatagrams(address);
  if (datagrams === null) {
    log.warn("the service manager cannot be told how the worker is", { NOTIFY_SOCKET: name });
    return null;
  }
  return new ServiceNotice(options, datagrams);
}

class ServiceNotice implements Disposable {
  private readonly sources: HealthSources;
  private readonly datagrams: Datagrams;
  private readonly timers: ReturnType<typeof setInterval>[] = [];
  private told = "";

  constructor({ sources, environment }: ServiceNoticeOptions, datagrams: Datagrams) {
    this.sources = sources;
    this.datagrams = datagrams;
    datagrams.send("READY=1");
    this.tell();
    this.every(LOOK_MS, () => this.tell());
    const watchdogMs = watchdogOf(environment);
    if (watchdogMs !== null) this.every(watchdogMs / SIGNS_OF_LIFE, () => void datagrams.send("WATCHDOG=1"));
  }

  private every(ms: number, act: () => void): void {
    const timer = setInterval(act, ms);
    timer.unref();
    this.timers.push(timer);
  }

  /**
   * What changed. What was not taken is told with the next look. No STOPPING=1: from then on systemd would count the
   * time of a stop, and end a worker that has run its last task and waits for its results to be read.
   */
  private tell(): void {
    const status = `STATUS=${describeWorker(this.sources)}`;
    if (status !== this.told && this.datagrams.send(status)) this.told = status;
  }

  [Symbol.dispose](): void {
    this.tell();
    for (const timer of this.timers) clearInterval(timer);
    this.datagrams[Symbol.dispose]();
  }
}

/** After how long without a sign of life the manager ends this process; null: never. */
function watchdogOf(environment: Readonly<Record<string, string>>): number | null {
  const pid = environment["WATCHDOG_PID"];
  if (pid !== undefined && pid !== String(process.pid)) return null;
  const microseconds = Number(environment["WATCHDOG_USEC"]);
  return microseconds > 0 && Number.isFinite(microseconds) ? microseconds / 1_000 : null;
}
