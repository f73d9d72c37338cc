/** The text of src/runtime/start-blocks.ts. */

/** The kernel's fault_around_bytes: what one touch maps, as far as it is in the page cache. */
export const BLOCK_BYTES = 65_536;

/** `id`: of the runtime's build. `blocks`: their numbers, in ascending order. Throws when there are none. */
export function renderStartList(id: string, blocks: readonly number[]): string {
  // Whatever was run, it cannot have been this: a start uses some megabytes that nothing else does.
  if (blocks.length === 0) {
    throw new Error("Nothing was found that only a start uses, so the list is left as it was");
  }
  const runs = merge(blocks);
  const list = runs.map(([first, count]) => (count === 1 ? `${first}` : `${first}+${count}`)).join(" ");
  return `/** Written by scripts/profile-start.ts: which parts of the runtime only a start uses. */

/** The build of the runtime that it is true of, as its linker named it. */
export const BUILD_ID = ${JSON.stringify(id)};

export const BLOCK_BYTES = ${BLOCK_BYTES};

/** Numbers of blocks, counted from address 0; \`A+N\`: N of them, from A. */
export const START_BLOCKS =
  ${JSON.stringify(list)};
`;
}

/** Neighbours as one: first block, and how many. */
function merge(blocks: readonly number[]): [number, number][] {
  const runs: [number, number][] = [];
  for (const block of blocks) {
    const last = runs.at(-1);
    if (last !== undefined && last[0] + last[1] === block) last[1] += 1;
    else runs.push([block, 1]);
  }
  return runs;
}
