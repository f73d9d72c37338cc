/** The Homebrew formula of a release, in the order and words that `brew style` wants. */
import type { Manifest } from "./manifest.ts";

const MACHINES = [
  ["on_arm", "arm64"],
  ["on_intel", "x64"],
] as const;

/**
 * @param repository such as https://github.com/OWNER/NAME; its releases hold the files
 * @returns null for a release that lacks one of the four platforms
 */
export function renderFormula({ version, files }: Manifest, repository: string): string | null {
  const platform = (os: string): string | null => {
    const parts = MACHINES.map(([block, machine]) => {
      const file = files.find(({ target }) => target === `${os}-${machine}`);
      if (file === undefined) return null;
      const url = `${repository}/releases/download/v${version}/${file.name}`;
      return `    ${block} do\n      url "${url}"\n      sha256 "${file.sha256}"\n    end\n`;
    });
    return parts.includes(null) ? null : parts.join("\n");
  };
  const [macos, linux] = [platform("darwin"), platform("linux")];
  if (macos === null || linux === null) return null;
  return `class OzAgentWorker < Formula
  desc "Daemon that runs cloud agents on your own machines"
  homepage "${repository}"
  version "${version}"
  license "Apache-2.0"

  on_macos do
${macos}  end

  on_linux do
${linux}  end

  def install
    bin.install "oz-agent-worker"
    doc.install "THIRD-PARTY-NOTICES"
    # By this machine: the signature that it was released with is nobody's.
    system "codesign", "--force", "--sign", "-", bin/"oz-agent-worker" if OS.mac?
    generate_completions_from_executable(bin/"oz-agent-worker", "completions")
  end

  service do
    run [opt_bin/"oz-agent-worker", "--config-file", etc/"oz-agent-worker/config.yaml"]
    keep_alive successful_exit: false
    log_path var/"log/oz-agent-worker.log"
    error_log_path var/"log/oz-agent-worker.log"
  end

  test do
    assert_match "oz-agent-worker #{version}", shell_output("#{bin}/oz-agent-worker version")
  end
end
`;
}
