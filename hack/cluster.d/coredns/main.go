// A DNS server for one local cluster: CoreDNS with the plugins that its names need and no others, so that it builds fast.
package main

import (
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/coremain"
	_ "github.com/coredns/coredns/plugin/bind"
	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/kubernetes"
	_ "github.com/coredns/coredns/plugin/template"
)

func init() {
	// The order in which plugins see a query.
	dnsserver.Directives = []string{"bind", "errors", "kubernetes", "template"}
}

func main() { coremain.Run() }
