module saltern-consul
go 1.26
require github.com/hashicorp/consul v1.21.0
replace github.com/hashicorp/consul-awsauth => github.com/hashicorp/consul-awsauth v0.0.0-20250825122907-9e35fe9ded3a
