/** A tree of files that exist nowhere, for the tests of the gate's rules. */
import { type Rule, renderFinding } from "../../../scripts/check/rule.ts";
import { type Tree, treeOf } from "../../../scripts/check/tree.ts";

export async function snippetTree(files: Readonly<Record<string, string>>): Promise<Tree> {
  return await treeOf(
    "/nowhere",
    Object.entries(files).map(([path, text]) => ({ path, text, executable: true })),
  );
}

/** What the rule finds, one `file:line: what; what to do` each. */
export async function findingsOf(rule: Rule, files: Readonly<Record<string, string>>): Promise<string[]> {
  const answer = await rule.check(await snippetTree(files));
  if ("skipped" in answer) throw new Error(`The rule was skipped: ${answer.skipped}`);
  return answer.map(renderFinding);
}
