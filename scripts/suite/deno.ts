/** The tests of the running program again, with the same sources under Deno in place of the executable. */
import { join } from "node:path";
import { CANNOT_HOLD, type LeftOut, SPARED } from "./deno-left-out.ts";
import { type HandsRun, runShared, type Surroundings, testFiles } from "./step.ts";
import { ONE_SKIPPED, type Tally } from "./tally.ts";

const AT_ONCE = 6;

interface DenoRun extends Pick<HandsRun, "lastBegun"> {
  /** With what is otherwise left out for the time that it takes. */
  readonly whole: boolean;
}

export async function runUnderDeno(here: Surroundings, { whole, ...run }: DenoRun): Promise<Tally> {
  const program = join(here.root, "scripts/deno-worker");
  const [deno] = new Bun.Glob("node_modules/@deno/*/deno").scanSync({ cwd: here.root });
  if (deno === undefined) {
    here.write("skip  there is no Deno among the packages of this platform\n");
    return ONE_SKIPPED;
  }
  const left = whole ? CANNOT_HOLD : both(CANNOT_HOLD, SPARED);
  const except = left.tests.map(({ within, what }) => `${within} ${what}`.trim());
  for (const { what, why } of left.files) here.write(`left out: ${what}: ${why}\n`);
  for (const [index, { why }] of left.tests.entries()) here.write(`left out: ${except[index]}: ${why}\n`);
  const found = await testFiles(here, "binary");
  const files = found.filter((file) => !left.files.some(({ what }) => what === file));
  return await runShared({ ...here, binary: program }, files, { ...run, env: {}, atOnce: AT_ONCE, except });
}

function both(one: LeftOut, other: LeftOut): LeftOut {
  return { files: [...one.files, ...other.files], tests: [...one.tests, ...other.tests] };
}
