// argocd is one binary that holds Argo CD: its command, its controller, repo server and API server, and a stand-in for
// Redis. It picks the program by the name it was started under (a link).
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/alicebob/miniredis/v2"
	controller "github.com/argoproj/argo-cd/v3/cmd/argocd-application-controller/commands"
	reposerver "github.com/argoproj/argo-cd/v3/cmd/argocd-repo-server/commands"
	server "github.com/argoproj/argo-cd/v3/cmd/argocd-server/commands"
	cli "github.com/argoproj/argo-cd/v3/cmd/argocd/commands"
	"github.com/spf13/cobra"
)

var programs = map[string]func() *cobra.Command{
	"argocd":                        cli.NewCommand,
	"argocd-application-controller": controller.NewCommand,
	"argocd-repo-server":            reposerver.NewCommand,
	"argocd-server":                 server.NewCommand,
	"argocd-redis":                  redis,
}

// What is kept there is lost when it ends, and keys expire as in Redis: Argo CD uses it as a cache.
func redis() *cobra.Command {
	return &cobra.Command{
		Use:  "argocd-redis ADDRESS",
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			cache := miniredis.NewMiniRedis()
			if err := cache.StartAddr(args[0]); err != nil {
				return err
			}
			for range time.Tick(time.Second) {
				cache.FastForward(time.Second)
			}
			return nil
		},
	}
}

func main() {
	newCommand, ok := programs[filepath.Base(os.Args[0])]
	if !ok {
		fmt.Fprintln(os.Stderr, "argocd: no program named", os.Args[0])
		os.Exit(2)
	}
	if newCommand().Execute() != nil {
		os.Exit(1)
	}
}
