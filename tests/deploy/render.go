package main

import (
	"sort"
	"strings"

	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	"helm.sh/helm/v3/pkg/strvals"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// kustomize is `kubectl kustomize DIRECTORY`.
func kustomize(directory string) ([]byte, error) {
	made, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), directory)
	if err != nil {
		return nil, err
	}
	return made.AsYaml()
}

// helm is `helm template tfo-agent DIRECTORY --namespace telemetryflow --set VALUES`.
func helm(directory, values string) ([]byte, error) {
	chart, err := loader.LoadDir(directory)
	if err != nil {
		return nil, err
	}
	given, err := strvals.Parse(values)
	if err != nil {
		return nil, err
	}
	release := chartutil.ReleaseOptions{Name: "tfo-agent", Namespace: "telemetryflow", IsInstall: true}
	all, err := chartutil.ToRenderValues(chart, given, release, chartutil.DefaultCapabilities)
	if err != nil {
		return nil, err
	}
	files, err := engine.Engine{Strict: true}.Render(chart, all)
	if err != nil {
		return nil, err
	}
	var documents []string
	for name, text := range files {
		if strings.HasSuffix(name, ".yaml") {
			documents = append(documents, text)
		}
	}
	sort.Strings(documents)
	return []byte(strings.Join(documents, "\n---\n")), nil
}
