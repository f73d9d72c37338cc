/** The same by Deno's own way to an address. */
import { deno } from "./deno-global.ts";

export function ownMemory(address: number, bytes: number): Uint8Array {
  const pointer = deno.UnsafePointer.create(BigInt(address));
  return new Uint8Array(new deno.UnsafePointerView(pointer).getArrayBuffer(bytes));
}
