package main

import (
	"context"
	"errors"
	"time"

	cri "k8s.io/cri-client/pkg"
)

// removePods CRI-ENDPOINT: stops and removes every pod, so that no shim, mount, network namespace or
// cgroup of it outlives the cluster.
func removePods(args []string) error {
	if len(args) != 1 {
		return errors.New("usage: lab remove-pods CRI-ENDPOINT")
	}
	ctx := context.Background()
	runtime, err := cri.NewRemoteRuntimeService(args[0], 20*time.Second, nil, nil)
	if err != nil {
		return err
	}
	pods, err := runtime.ListPodSandbox(ctx, nil)
	if err != nil {
		return err
	}
	var failed error
	for _, pod := range pods {
		failed = errors.Join(failed, runtime.StopPodSandbox(ctx, pod.Id), runtime.RemovePodSandbox(ctx, pod.Id))
	}
	return failed
}
