/** The platforms that a release is built for. */
import { existsSync } from "node:fs";

export interface Target {
  /** As install.sh and the names of the archives have it. */
  readonly name: string;
  /** As Bun has it. */
  readonly bun: string;
  readonly archive: "tar.gz" | "zip";
}

/** Baseline on x64: the default build needs AVX2, which older and virtual machines lack. */
export const TARGETS: readonly Target[] = [
  { name: "linux-x64", bun: "bun-linux-x64-baseline", archive: "tar.gz" },
  { name: "linux-arm64", bun: "bun-linux-arm64", archive: "tar.gz" },
  { name: "linux-x64-musl", bun: "bun-linux-x64-musl-baseline", archive: "tar.gz" },
  { name: "linux-arm64-musl", bun: "bun-linux-arm64-musl", archive: "tar.gz" },
  { name: "darwin-x64", bun: "bun-darwin-x64-baseline", archive: "tar.gz" },
  { name: "darwin-arm64", bun: "bun-darwin-arm64", archive: "tar.gz" },
  { name: "windows-x64", bun: "bun-windows-x64-baseline", archive: "zip" },
];

/** This platform's, as Bun has it. */
export function hostTarget(): string {
  const { platform, arch } = process;
  const musl = platform === "linux" && isMusl() ? "-musl" : "";
  return `bun-${platform}-${arch}${musl}${arch === "x64" ? "-baseline" : ""}`;
}

function isMusl(): boolean {
  const machine = process.arch === "x64" ? "x86_64" : "aarch64";
  const glibc = ["/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1"];
  return existsSync(`/lib/ld-musl-${machine}.so.1`) && !glibc.some(existsSync);
}
