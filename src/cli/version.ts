/** What this executable is. */
import { BUILD } from "../build-info.ts";
import { runtimeOf } from "../runtime/self.ts";

/** One line, without the newline at its end. */
export function versionText(json: boolean): string {
  const runtime = runtimeOf();
  const facts = {
    version: BUILD.version,
    commit: BUILD.commit,
    [runtime.name]: runtime.version,
    platform: process.platform,
    arch: process.arch,
  };
  if (json) return JSON.stringify(facts);
  return `oz-agent-worker ${facts.version} (commit ${facts.commit}, ${runtime.name} ${runtime.version}, ${facts.platform} ${facts.arch})`;
}
