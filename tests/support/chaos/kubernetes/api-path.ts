/** The way from the workers of a campaign to the API server: a relay, which can be troubled without anybody else being. */
import { FaultyPipe } from "../../../../src/dev/faulty-pipe.ts";
import { OWN_LOOPBACK } from "../../own-loopback.ts";
import type { Note } from "../recording-plane.ts";
import type { ApiTrouble } from "./happening.ts";

export class ApiPath implements AsyncDisposable {
  /** `https://…`, as the workers know it; its certificate is not for this address. */
  readonly server: string;
  readonly #pipe: FaultyPipe;
  readonly #note: Note;
  #isAway = false;

  private constructor(pipe: FaultyPipe, note: Note) {
    this.server = `https://${pipe.host}:${pipe.port}`;
    this.#pipe = pipe;
    this.#note = note;
  }

  /** `server`: `https://…` of the real one. */
  static async open(server: string, note: Note): Promise<ApiPath> {
    return new ApiPath(await FaultyPipe.open({ host: OWN_LOOPBACK }, Number(new URL(server).port)), note);
  }

  async make(trouble: ApiTrouble): Promise<void> {
    this.#note({ kind: "api", trouble });
    const { connections } = this.#pipe;
    switch (trouble) {
      case "leave":
        this.#isAway = true;
        await this.#pipe.close();
        return;
      case "return":
        if (!this.#isAway) return;
        this.#isAway = false;
        await this.#pipe.listen();
        return;
      case "freeze":
        for (const connection of connections) connection.freeze();
        return;
      case "cut-frozen":
        for (const connection of connections) if (connection.frozen) connection.cut("reset");
        return;
      case "thaw":
        for (const connection of connections) connection.thaw();
        return;
      case "cut":
        for (const connection of connections) connection.cut("reset");
        return;
      default:
        trouble satisfies never;
    }
  }

  async heal(): Promise<void> {
    await this.make("return");
    await this.make("cut-frozen");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#pipe.close();
  }
}
