// lab is one static binary with a whole Kubernetes in it: etcd, the control plane, the kubelet and
// kubectl, each as `lab NAME ARGS...`. They share most of their code, so one binary takes a quarter of
// the space and of the linker's time of six. Two commands are our own: `pki` (certificates and a
// kubeconfig) and `remove-pods`.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"go.etcd.io/etcd/server/v3/etcdmain"
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/logs/json/register"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
	kubectl "k8s.io/kubectl/pkg/cmd"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllers "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	kubelet "k8s.io/kubernetes/cmd/kubelet/app"
)

// The program of that name, or nil: only the one that is asked for may be built, for each registers
// its flags where the others do.
func component(name string) *cobra.Command {
	switch name {
	case "kube-apiserver":
		return apiserver.NewAPIServerCommand()
	case "kube-controller-manager":
		return controllers.NewControllerManagerCommand()
	case "kube-scheduler":
		return scheduler.NewSchedulerCommand()
	case "kubelet":
		return kubelet.NewKubeletCommand(context.Background())
	case "kubectl":
		return kubectl.NewDefaultKubectlCommand()
	}
	return nil
}

func main() {
	name := ""
	if len(os.Args) > 1 {
		name = os.Args[1]
		os.Args = os.Args[1:]
	}
	switch name {
	case "etcd":
		etcdmain.Main(os.Args)
	case "pki":
		exitWith(name, writePki(os.Args[1:]))
	case "remove-pods":
		exitWith(name, removePods(os.Args[1:]))
	default:
		command := component(name)
		if command == nil {
			fmt.Fprintln(os.Stderr, "usage: lab etcd|kube-apiserver|kube-controller-manager|kube-scheduler|kubelet|kubectl|pki|remove-pods ...")
			os.Exit(2)
		}
		os.Exit(cli.Run(command))
	}
}

func exitWith(name string, err error) {
	if err != nil {
		fmt.Fprintf(os.Stderr, "lab %s: %v\n", name, err)
		os.Exit(1)
	}
}
