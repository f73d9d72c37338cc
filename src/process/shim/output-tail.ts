/** The end of what a process writes, however much that is. */
import { within } from "../../async/wait.ts";
import type { HeardChild } from "../../runtime/heard-child.ts";

/** As much as is looked through for secrets; what is shown of it in the end is less. */
export const TAIL_BYTES = 16 * 1024;

export interface Tail {
  readonly text: string;
  /** Its beginning is not where the process began: it may be the second half of a word. */
  readonly cut: boolean;
}

export interface Said {
  readonly stdout: Tail;
  readonly stderr: Tail;
}

/** What a process wrote before it ended is in its pipes; what it left running may hold them open for ever. */
const DRAIN_MS = 200;

/** Both streams of a process. */
export class Output {
  private readonly stdout = new OutputTail();
  private readonly stderr = new OutputTail();
  /** Both have been closed by all that held them. */
  readonly closed: Promise<unknown>;

  constructor({ stdout, stderr }: Pick<HeardChild, "stdout" | "stderr">) {
    this.closed = Promise.all([this.stdout.follow(stdout), this.stderr.follow(stderr)]);
  }

  /** Once the process has ended. Never rejects. */
  async ended(): Promise<Said> {
    await within(this.closed, DRAIN_MS, null);
    return { stdout: this.stdout.read(), stderr: this.stderr.read() };
  }
}

export class OutputTail {
  private readonly chunks: Uint8Array[] = [];
  private kept = 0;
  private cut = false;

  /** To the stream's end. Never rejects: a stream that breaks has ended. */
  async follow(stream: AsyncIterable<Uint8Array>): Promise<void> {
    try {
      for await (const chunk of stream) this.add(chunk);
    } catch {
      // What came until then is what there is.
    }
  }

  add(chunk: Uint8Array): void {
    // A copy: a view of a few bytes would keep the whole buffer that they came in.
    const last = chunk.slice(-TAIL_BYTES);
    if (last.length < chunk.length) this.cut = true;
    this.chunks.push(last);
    this.kept += last.length;
    while (this.kept - (this.chunks[0]?.length ?? 0) >= TAIL_BYTES) {
      this.kept -= this.chunks.shift()?.length ?? 0;
      this.cut = true;
    }
  }

  read(): Tail {
    const bytes = Buffer.concat(this.chunks);
    const end = bytes.subarray(-TAIL_BYTES);
    return { text: end.toString("utf8"), cut: this.cut || end.length < bytes.length };
  }
}
