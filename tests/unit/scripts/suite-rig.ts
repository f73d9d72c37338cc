/** Test files that are written for the moment, run as a step of the suite runs its own. */
import { Findings } from "../../../scripts/suite/findings.ts";
import { runShared, type SharedRun, type Surroundings } from "../../../scripts/suite/step.ts";
import { TempDir } from "../../support/temp-dir.ts";

export async function runTests(
  sources: Readonly<Record<string, string>>,
  repeats: boolean,
  more: Partial<Pick<SharedRun, "repetition" | "onEngines" | "lastBegun">> = {},
) {
  await using dir = await TempDir.create();
  const files = Object.keys(sources);
  for (const [file, source] of Object.entries(sources)) await dir.write(file, source);
  const findings = new Findings();
  const here: Surroundings = {
    root: dir.path,
    binary: "/none",
    write: () => {},
    output: "late",
    findings,
    repeats,
  };
  const tally = await runShared(here, files, { env: {}, atOnce: 2, ...more });
  return { tally, said: findings.render() };
}
