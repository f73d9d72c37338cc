/** What the worker was told: its mistakes ended the command before, so what is left are remarks. */
import type { Settings } from "../config/settings.ts";
import { unusedBackends } from "../config/unused-backend.ts";
import type { Finding } from "./finding.ts";

export function checkConfiguration(settings: Settings, configFile: string | null): readonly Finding[] {
  const { workerId, backend } = settings;
  const where = configFile === null ? "no config file" : `config file ${configFile}`;
  return [
    {
      name: "configuration",
      status: "ok",
      detail: `${where}; worker id ${workerId}, backend ${backend.kind}`,
    },
    ...unusedBackends(settings).map(({ message, inFile, hint }): Finding => {
      const remark = { name: "configuration", status: "warn", detail: `${message}: ${inFile}` } as const;
      return hint === undefined ? remark : { ...remark, hint };
    }),
  ];
}
