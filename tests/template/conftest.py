import pytest
from cloudformation import Template

EVERYTHING = {
    "ImportBucketArns": "arn:aws:s3:::source-a,arn:aws:s3:::source-b",
    "ImportKeyArns": "arn:aws:kms:eu-west-1:111122223333:key/source",
    "DeployRoleArn": "arn:aws:iam::111122223333:role/deployer",
    "AlarmEmail": "audit@acme.example",
    "ArchiveExpirationDays": 4000,
    "JwtAudience": "auditlake",
}


@pytest.fixture(scope="session")
def lake():
    """The template with every optional part switched on."""
    return Template.of_the_lake(**EVERYTHING)


@pytest.fixture(scope="session")
def plain():
    """The template with its defaults."""
    return Template.of_the_lake()


@pytest.fixture(scope="session")
def reader():
    """The template for one tenant."""
    return Template.of_file("tenant-reader.yaml", Organization="acme", ArchiveBucketName="archive", AccessPointName="acme-audit")
