/** What this executable is. */
import { BUILD } from "../build-info.ts";

/** One line, without the newline at its end. */
export function versionText(json: boolean): string {
  const facts = {
    version: BUILD.version,
    commit: BUILD.commit,
    bun: process.versions.bun,
    platform: process.platform,
    arch: process.arch,
  };
  if (json) return JSON.stringify(facts);
  return `oz-agent-worker ${facts.version} (commit ${facts.commit}, bun ${facts.bun}, ${facts.platform} ${facts.arch})`;
}
