/** The same under Deno, whose TCP connections fail with the system's own reasons. */
import { lookup } from "node:dns/promises";

export async function lookUp(host: string): Promise<readonly string[]> {
  return (await lookup(host, { all: true })).map(({ address }) => address);
}

export async function whyNoRoute(): Promise<string | null> {
  return null;
}
