package main

import (
	"context"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/connector"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/collector/receiver"
)

// probeConfig has one key of every type that configuration knows: what the Collector
// makes of a file is read off it. crates/tfo-agent/tests/compat has the same component.
type probeConfig struct {
	Text    string                         `mapstructure:"text"`
	Count   uint64                         `mapstructure:"count"`
	Ratio   float64                        `mapstructure:"ratio"`
	Switch  bool                           `mapstructure:"switch"`
	Wait    time.Duration                  `mapstructure:"wait"`
	Words   []string                       `mapstructure:"words"`
	Counts  []uint64                       `mapstructure:"counts"`
	Table   map[string]string              `mapstructure:"table"`
	Secret  configopaque.String            `mapstructure:"secret"`
	Secrets map[string]configopaque.String `mapstructure:"secrets"`
	Nested  probeNested                    `mapstructure:"nested"`
	Any     any                            `mapstructure:"any"`
}

type probeNested struct {
	Text string        `mapstructure:"text"`
	Wait time.Duration `mapstructure:"wait"`
}

func probeDefaults() component.Config {
	return &probeConfig{
		Text:   "default",
		Count:  7,
		Switch: true,
		Wait:   15 * time.Second,
		Words:  []string{"a", "b"},
		Nested: probeNested{Text: "inner", Wait: time.Second},
	}
}

var probeType = component.MustNewType("probe")

type probe struct {
	component.StartFunc
	component.ShutdownFunc
	consumer.Metrics
}

func (probe) Capabilities() consumer.Capabilities { return consumer.Capabilities{} }

var probeReceiver = receiver.NewFactory(probeType, probeDefaults,
	receiver.WithMetrics(func(context.Context, receiver.Settings, component.Config, consumer.Metrics) (receiver.Metrics, error) {
		return probe{}, nil
	}, component.StabilityLevelStable))

var probeProcessor = processor.NewFactory(probeType, probeDefaults,
	processor.WithMetrics(func(_ context.Context, _ processor.Settings, _ component.Config, next consumer.Metrics) (processor.Metrics, error) {
		return probe{Metrics: next}, nil
	}, component.StabilityLevelStable))

var probeExporter = exporter.NewFactory(probeType, probeDefaults,
	exporter.WithMetrics(func(context.Context, exporter.Settings, component.Config) (exporter.Metrics, error) {
		return probe{}, nil
	}, component.StabilityLevelStable))

// Only so that there is a type of which both an exporter and a connector may be.
var probeConnector = connector.NewFactory(probeType, probeDefaults,
	connector.WithMetricsToMetrics(func(_ context.Context, _ connector.Settings, _ component.Config, next consumer.Metrics) (connector.Metrics, error) {
		return probe{Metrics: next}, nil
	}, component.StabilityLevelStable))

var probeExtension = extension.NewFactory(probeType, probeDefaults,
	func(context.Context, extension.Settings, component.Config) (extension.Extension, error) {
		return probe{}, nil
	}, component.StabilityLevelStable)
