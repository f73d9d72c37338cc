/** Which parts of the runtime's code and constants only a start uses, as scripts/profile-start.ts found out. */
import type { Mapping } from "./mappings.ts";
import { BLOCK_BYTES, START_BLOCKS } from "./start-blocks.ts";

export { BUILD_ID } from "./start-blocks.ts";

export function startParts(blocks = START_BLOCKS): Mapping[] {
  return blocks.split(" ").map((run) => {
    const [first, count] = run.split("+");
    return { start: Number(first) * BLOCK_BYTES, bytes: Number(count ?? 1) * BLOCK_BYTES };
  });
}
