/** The launchd job of the worker on macOS. Source of the keys: launchd.plist(5). */
import { SERVICE_NAME, SERVICE_STATE_DIR, type ServicePlan } from "./service-plan.ts";

export function renderLaunchdPlist({
  program,
  configFile,
  keyFile,
  user,
  stateDir,
  stopTimeoutSeconds,
}: ServicePlan): string {
  const key = keyFile === null ? [] : ["--api-key-file", keyFile];
  const args = [program, "--config-file", configFile, ...key];
  const log = `/var/log/${SERVICE_NAME}.log`;
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    '<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">',
    '<plist version="1.0">',
    "<dict>",
    ...pair("Label", string(SERVICE_NAME)),
    ...pair("ProgramArguments", `<array>\n${args.map((arg) => `    ${string(arg)}`).join("\n")}\n  </array>`),
    ...pair("UserName", string(user)),
    ...pair(
      "EnvironmentVariables",
      `<dict>\n    <key>STATE_DIRECTORY</key>\n    ${string(stateDir ?? SERVICE_STATE_DIR)}\n  </dict>`,
    ),
    ...pair("RunAtLoad", "<true/>"),
    // It knows no exit status that forbids a restart, so one that is of no use comes seldom.
    ...pair("KeepAlive", "<dict>\n    <key>SuccessfulExit</key>\n    <false/>\n  </dict>"),
    ...pair("ThrottleInterval", "<integer>30</integer>"),
    ...pair("ExitTimeOut", `<integer>${stopTimeoutSeconds}</integer>`),
    ...pair("ProcessType", string("Background")),
    ...pair("StandardOutPath", string(log)),
    ...pair("StandardErrorPath", string(log)),
    "</dict>",
    "</plist>",
    "",
  ].join("\n");
}

function pair(key: string, value: string): string[] {
  return [`  <key>${key}</key>`, `  ${value}`];
}

function string(text: string): string {
  const escaped = text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
  return `<string>${escaped}</string>`;
}
