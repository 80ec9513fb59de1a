// A compose file as Docker Compose reads it: the names of its services with these profiles, a line each, or what is wrong.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/compose-spec/compose-go/v2/cli"
)

func main() {
	options, err := cli.NewProjectOptions(os.Args[1:2], cli.WithProfiles(os.Args[2:]))
	if err == nil {
		project, wrong := options.LoadProject(context.Background())
		if wrong == nil {
			for _, name := range project.ServiceNames() {
				fmt.Println(name)
			}
			return
		}
		err = wrong
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
