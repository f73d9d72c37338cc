/** Under Deno `write` of `node:fs` waits in the main thread; what Deno itself has for standard error does not. */
import { deno } from "./deno-global.ts";

const STDERR = 2;

export async function writeAside(descriptor: number, bytes: Uint8Array): Promise<number> {
  if (descriptor !== STDERR) throw new Error(`Deno writes aside to descriptor ${STDERR} only`);
  return await deno.stderr.write(bytes);
}
