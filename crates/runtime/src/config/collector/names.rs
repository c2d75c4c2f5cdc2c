//! Types of the Collector's components, core and contrib 0.136, without underscores: of one that this agent
//! does not have it says so, where a word that nobody knows is a typing error.

use crate::Kind;

/// Whether the Collector has a component of this kind and type, with underscores or without.
pub(super) fn has(kind: Kind, word: &str) -> bool {
    let plain = word.replace('_', "");
    let names = match kind {
        Kind::Receiver => RECEIVERS,
        Kind::Processor => PROCESSORS,
        Kind::Exporter => EXPORTERS,
        Kind::Extension => EXTENSIONS,
        _ => "",
    };
    names.split_ascii_whitespace().any(|name| name == plain)
}

const EXTENSIONS: &str = "\
    ack asapauth awscloudwatchmetricstreamsencoding awslogsencoding awsproxy azureauth basicauth bearertokenauth \
    cgroupruntime datadog dbstorage dockerobserver ecsobserver ecstaskobserver filestorage googleclientauth \
    googlecloudlogentryencoding headerssetter healthcheck hostobserver httpforwarder jaegerencoding \
    jaegerremotesampling jsonlogencoding k8sleaderelector k8sobserver kafkatopicsobserver memoryballast \
    memorylimiter oauth2client oidc opamp otlpencoding pprof redisstorage sigv4auth skywalkingencoding sumologic \
    textencoding zipkinencoding zpages";

const EXPORTERS: &str = "\
    alibabacloudlogservice awscloudwatchlogs awsemf awskinesis awss3 awsxray azureblob azuredataexplorer \
    azuremonitor bmchelix carbon cassandra clickhouse coralogix datadog dataset debug doris elasticsearch faro file \
    googlecloud googlecloudpubsub googlemanagedprometheus honeycombmarker influxdb kafka loadbalancing logging \
    logicmonitor logzio mezmo nop opensearch otelarrow otlp otlpgrpc otlphttp prometheus prometheusremotewrite \
    pulsar rabbitmq sapm sentry signalfx splunkhec stef sumologic syslog tencentcloudlogservice tinybird zipkin";

const PROCESSORS: &str = "\
    attributes batch coralogix cumulativetodelta deltatocumulative deltatorate experimentalmetricsgeneration filter \
    geoip groupbyattrs groupbytrace interval isolationforest k8sattributes logdedup memorylimiter metricsgeneration \
    metricstarttime metricstransform probabilisticsampler redaction remotetap resource resourcedetection schema \
    span sumologic tailsampling transform";

const RECEIVERS: &str = "\
    activedirectoryds aerospike apache apachespark awscloudwatch awscontainerinsight awsecscontainermetrics \
    awsfirehose awss3 awsxray azureblob azureeventhub azuremonitor bigip carbon chrony cloudflare cloudfoundry \
    collectd couchdb datadog dockerstats elasticsearch envoyals expvar faro filelog filestats flinkmetrics \
    fluentforward github googlecloudmonitoring googlecloudpubsub googlecloudspanner haproxy hostmetrics httpcheck \
    iis influxdb jaeger jmx journald k8scluster k8sevents k8sobjects kafka kafkametrics kubeletstats libhoney loki \
    memcached mongodb mongodbatlas mysql namedpipe netflow nginx nop nsxt ntp oracledb otelarrow otlp otlpjsonfile \
    podmanstats postgresql prometheus prometheusremotewrite prometheussimple pulsar purefa purefb rabbitmq \
    receivercreator redis riak saphana signalfx simpleprometheus skywalking snmp snowflake solace splunkenterprise \
    splunkhec sqlquery sqlserver sshcheck statsd stef syslog tcpcheck tcplog tlscheck udplog vcenter wavefront \
    webhookevent windowseventlog windowsperfcounters zipkin zookeeper";
