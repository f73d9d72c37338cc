/** Under Deno `write` of `node:fs` waits in the main thread; what Deno itself has for the standard streams does not. */
import { deno } from "./deno-global.ts";

const STDOUT = 1;
const STDERR = 2;

export async function writeAside(descriptor: number, bytes: Uint8Array): Promise<number> {
  if (descriptor === STDOUT) return await deno.stdout.write(bytes);
  if (descriptor === STDERR) return await deno.stderr.write(bytes);
  throw new Error(`Deno writes aside to descriptors ${STDOUT} and ${STDERR} only`);
}
