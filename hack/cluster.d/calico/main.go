// What enforces NetworkPolicies on the node of one local cluster: Calico's network plugin and its agent, as one program under
// two names.
package main

import (
	"os"
	"path/filepath"

	"github.com/projectcalico/calico/cni-plugin/pkg/plugin"
	"github.com/projectcalico/calico/felix/buildinfo"
	"github.com/projectcalico/calico/felix/daemon"
)

func main() {
	if filepath.Base(os.Args[0]) == "calico" {
		plugin.Main(buildinfo.GitVersion)
		return
	}
	daemon.Run("", buildinfo.GitVersion, "", "")
}
