/** An engine of the campaign's own that is killed, stopped, paused and started again, one after the other. */
import { DockerEngine } from "../../../../scripts/services/docker-engine.ts";
import type { EngineName } from "../../../../scripts/services/docker-service.ts";
import { PodmanEngine } from "../../../../scripts/services/podman-engine.ts";
import type { RestartableEngine } from "../../../../scripts/services/restartable-engine.ts";
import type { Note } from "../recording-plane.ts";
import type { EngineTrouble } from "./happening.ts";

export interface TroubledEngineOptions {
  readonly flavour: EngineName;
  /** A dockerd's containers outlive it; those of podman do so anyway. */
  readonly liveRestore: boolean;
}

export class TroubledEngine implements AsyncDisposable {
  readonly engine: RestartableEngine;
  readonly #note: Note;
  /** Until all that it was asked for is done. */
  #turn: Promise<void> = Promise.resolve();
  #isPaused = false;

  private constructor(engine: RestartableEngine, note: Note) {
    this.engine = engine;
    this.#note = note;
  }

  static async start({ flavour, liveRestore }: TroubledEngineOptions, note: Note): Promise<TroubledEngine> {
    const starting =
      flavour === "podman" ? PodmanEngine.start() : DockerEngine.start({ flavour, liveRestore });
    return new TroubledEngine(await starting, note);
  }

  /** Resolves once it is done, which takes seconds: nothing else has to wait for that. */
  make(what: EngineTrouble): Promise<void> {
    const turn = this.#turn.then(() => this.#make(what));
    // An engine that does not start is told by `heal`, and every turn after that one fails likewise.
    turn.catch(() => {});
    this.#turn = turn;
    return turn;
  }

  /** Back again, whatever was asked for. @throws where it does not start */
  async heal(): Promise<void> {
    await this.make("resume");
    await this.make("start");
  }

  async log(): Promise<string> {
    return await Bun.file(this.engine.folder.join("log")).text();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#turn.catch(() => {});
    if (this.#isPaused) this.engine.signal("SIGCONT");
    await this.engine[Symbol.asyncDispose]();
  }

  async #make(what: EngineTrouble): Promise<void> {
    switch (what) {
      case "kill":
        await this.#stop("SIGKILL", "killed");
        return;
      case "terminate":
        // One that is paused would not hear of it.
        this.#resume();
        await this.#stop("SIGTERM", "terminated");
        return;
      case "start":
        if (this.engine.running) return;
        await this.engine.startAgain();
        this.#note({ kind: "engine", was: "started" });
        return;
      case "pause":
        if (!this.engine.running || this.#isPaused) return;
        this.#isPaused = true;
        this.#note({ kind: "engine", was: "paused" });
        this.engine.signal("SIGSTOP");
        return;
      case "resume":
        this.#resume();
        return;
      default:
        what satisfies never;
    }
  }

  async #stop(signal: "SIGKILL" | "SIGTERM", was: "killed" | "terminated"): Promise<void> {
    if (!this.engine.running) return;
    this.#isPaused = false;
    this.#note({ kind: "engine", was });
    await this.engine.stop(signal);
  }

  #resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.engine.signal("SIGCONT");
    this.#note({ kind: "engine", was: "resumed" });
  }
}
