// The programs of a Kubernetes control plane in one binary, for `make cluster-check`: etcd, kube-apiserver,
// kube-controller-manager and kube-scheduler as their projects publish them, chosen by the first argument. What follows
// is that program's own flags. One binary is linked once and shares its compiled packages; nothing is changed in any.
package main

import (
	"fmt"
	"os"

	"go.etcd.io/etcd/server/v3/etcdmain"
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/logs/json/register"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllers "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
)

// wrongUse is the exit code for an argument that names no program.
const wrongUse = 2

func main() {
	if len(os.Args) < 2 {
		refuse("no program named")
	}
	program := os.Args[1]
	os.Args = append([]string{program}, os.Args[2:]...)
	switch program {
	case "etcd":
		etcdmain.Main(os.Args)
	case "kube-apiserver":
		os.Exit(cli.Run(apiserver.NewAPIServerCommand()))
	case "kube-controller-manager":
		os.Exit(cli.Run(controllers.NewControllerManagerCommand()))
	case "kube-scheduler":
		os.Exit(cli.Run(scheduler.NewSchedulerCommand()))
	default:
		refuse("no program " + program + " in here")
	}
}

func refuse(why string) {
	fmt.Fprintln(os.Stderr, why+"; give one of etcd, kube-apiserver, kube-controller-manager, kube-scheduler")
	os.Exit(wrongUse)
}
