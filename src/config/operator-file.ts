/**
 * Files that the operator names. One that ends late or never, a pipe nobody writes or `/dev/zero`, must
 * not hold a start that then hears no signal, as it once did.
 */
import { readFileSync, statSync } from "node:fs";
import { expiring, firing } from "../async/wait.ts";
import { FileRefusal } from "./unreadable.ts";

const MOST_MIB = 4;
const MOST_BYTES = MOST_MIB * 1024 * 1024;
const CHUNK_BYTES = 64 * 1024;
/** A command may ask somebody, or another host, for what it writes: `--config-file <(vault read ...)`. */
const PATIENCE_SECONDS = 60;

/** A file that is read more than once, which a pipe cannot be. Throws what `whyUnreadable` has words for. */
export function readPlainFile(path: string): Buffer {
  const found = statSync(path);
  // A folder is refused by the read, with words of its own.
  if (!found.isFile() && !found.isDirectory()) {
    throw new FileRefusal("it is a pipe or a device, and is read more than once; give a regular file");
  }
  if (found.size > MOST_BYTES) throw tooLarge();
  // At start nothing else waits for the thread, and waking the pool of threads takes 2 ms.
  return readFileSync(path);
}

/** The same for a file that is read once, and so may be a pipe: `<(command)`, `/dev/stdin`. Rejects with `stop`'s reason, too. */
export async function readFileOrPipe(path: string, stop: AbortSignal): Promise<Buffer> {
  const found = statSync(path);
  if (found.isFile() || found.isDirectory()) return readPlainFile(path);
  using patience = expiring(stop, PATIENCE_SECONDS * 1_000);
  using end = firing(patience.signal);
  const reading = readToEnd(path);
  const givenUp = end.fired.then(() => {
    stop.throwIfAborted();
    throw new FileRefusal(`nobody has written it to its end within ${PATIENCE_SECONDS} s`);
  });
  return await Promise.race([reading, givenUp]);
}

/** What it says, without the byte order mark that editors on Windows put before it. Throws for what is not UTF-8. */
export function textIn(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new FileRefusal("it is not text in UTF-8");
  }
}

async function readToEnd(path: string): Promise<Buffer> {
  // Loaded only here: it costs 0.7 MB.
  const { open } = await import("node:fs/promises");
  const file = await open(path);
  try {
    const chunks: Buffer[] = [];
    let size = 0;
    for (;;) {
      const { bytesRead, buffer } = await file.read(Buffer.alloc(CHUNK_BYTES), 0, CHUNK_BYTES);
      if (bytesRead === 0) return Buffer.concat(chunks);
      size += bytesRead;
      if (size > MOST_BYTES) throw tooLarge();
      chunks.push(buffer.subarray(0, bytesRead));
    }
  } finally {
    await file.close();
  }
}

function tooLarge(): FileRefusal {
  return new FileRefusal(`it is larger than ${MOST_MIB} MiB; is it the right file?`);
}
