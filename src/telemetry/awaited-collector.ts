/**
 * A collector where the specification looks for one that nobody named. Most hosts have none there, and what it
 * takes to tell one anything costs an idle worker 5 MB: so that is loaded when somebody answers at this address.
 */
import { addressText } from "../config/address.ts";
import type { ListenAddress } from "../config/settings.ts";
import { wordsOf } from "../logging/words-of.ts";
import { dialTcp } from "../runtime/dial.ts";
import type { ExportTrouble } from "./export-trouble.ts";
import type { Pipeline, PushPipeline } from "./pipeline.ts";

/** It is on this very host. */
const ANSWER_MS = 2_000;

export interface AwaitedCollectorOptions {
  readonly address: ListenAddress;
  /** How often it would be told something, in ms. */
  readonly everyMs: number;
  readonly trouble: ExportTrouble;
  /** Loads what exports to it. May reject. */
  readonly open: () => Promise<PushPipeline>;
}

export class AwaitedCollector implements Pipeline {
  private readonly options: AwaitedCollectorOptions;
  private readonly timer: ReturnType<typeof setInterval>;
  private looking: Promise<PushPipeline | null> | null = null;
  private found: PushPipeline | null = null;

  constructor(options: AwaitedCollectorOptions) {
    this.options = options;
    this.timer = setInterval(() => this.exportWhereThere(), options.everyMs);
    this.timer.unref();
  }

  async close(): Promise<void> {
    clearInterval(this.timer);
    const { trouble } = this.options;
    trouble.hush();
    const found = await this.look();
    if (found === null) trouble.stopped();
    else await found.close();
  }

  private async exportWhereThere(): Promise<void> {
    if (this.looking !== null) return;
    const found = await this.look();
    if (found === null) return;
    // From here on it does so by itself.
    clearInterval(this.timer);
    await found.exportNow();
  }

  private async look(): Promise<PushPipeline | null> {
    if (this.found !== null) return this.found;
    this.looking ??= this.find();
    this.found = await this.looking;
    this.looking = null;
    return this.found;
  }

  private async find(): Promise<PushPipeline | null> {
    const { address, trouble, open } = this.options;
    try {
      const socket = await dialTcp(address.host, address.port, null, AbortSignal.timeout(ANSWER_MS));
      socket.close();
    } catch (error) {
      trouble.failed(`no collector at ${addressText(address)}, where one is looked for: ${wordsOf(error)}`);
      return null;
    }
    try {
      return await open();
    } catch (error) {
      trouble.failed(wordsOf(error));
      return null;
    }
  }
}
