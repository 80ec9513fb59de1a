// What Grafana's own types have to say against a dashboard: each field that they do not know, that is missing or has
// another type. Says nothing, and ends with 0, if that is nothing.
package main

import (
	"fmt"
	"os"

	"github.com/grafana/grafana-foundation-sdk/go/cog/plugins"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

func main() {
	plugins.RegisterDefaultPlugins()
	raw, err := os.ReadFile(os.Args[1])
	if err != nil {
		end(err)
	}
	read := dashboard.Dashboard{}
	end(read.UnmarshalJSONStrict(raw))
	end(read.Validate())
}

// An error without a text is the library's way of saying that it has found none.
func end(err error) {
	if err != nil && err.Error() != "" {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
