/** What a campaign came to, and how a test that runs one says so. */
import { expect } from "bun:test";
import type { Violation } from "./checker/conversation.ts";
import { describe, type Witnesses } from "./checker/verdict.ts";

export interface CampaignResult<History> {
  readonly history: History;
  /** Of all workers, and of what else writes one. */
  readonly logs: string;
}

export interface Verdict extends CampaignResult<Witnesses> {
  readonly seed: number;
  /** The plan, for people. */
  readonly plan: string;
  readonly broken: readonly Violation[];
  /** What the report's name begins with, where several campaigns have the same seeds. */
  readonly kind?: string;
}

/** With OZ_CHAOS_REPORT, a folder, all that happened is written there when something is. */
export async function expectNothingBroken({ seed, plan, broken, kind, history, logs }: Verdict) {
  const folder = process.env["OZ_CHAOS_REPORT"];
  const told = describe(broken, history);
  if (broken.length > 0 && folder) {
    const name = [...(kind === undefined ? [] : [kind]), "seed", seed].join("-");
    await Bun.write(`${folder}/${name}.txt`, [plan, told, logs].join("\n\n"));
  }
  expect(broken, `OZ_CHAOS_SEEDS=${seed}\n${plan}\n${told}`).toEqual([]);
}
