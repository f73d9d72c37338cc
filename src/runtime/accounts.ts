/** The host's users and groups as its own files have them: whom a directory service knows is in neither. */
import { readFileSync } from "node:fs";

export type AccountFile = "/etc/passwd" | "/etc/group";

/** Null: none has this number, or the file cannot be read. */
export function accountName(file: AccountFile, id: number): string | null {
  return accounts(file).find(([, , number]) => number === String(id))?.[0] ?? null;
}

/** False also where the file cannot be read. */
export function hasAccount(file: AccountFile, name: string): boolean {
  return accounts(file).some(([known]) => known === name);
}

/** Both files have the name first and the number third. */
function accounts(file: AccountFile): readonly (readonly string[])[] {
  try {
    const lines = readFileSync(file, "utf8").split("\n");
    return lines.map((line) => line.split(":"));
  } catch {
    return [];
  }
}
